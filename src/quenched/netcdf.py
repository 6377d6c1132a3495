"""NetCDF has no complex numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

PARTS = "re_im"


def without_complex(dataset: xr.Dataset) -> xr.Dataset:
    """Complex numbers as a last axis `re_im`: the real and the imaginary part."""
    import numpy as np

    for name, values in dataset.data_vars.items():
        if np.iscomplexobj(values):
            parts = np.stack([values.values.real, values.values.imag], axis=-1)
            dataset = dataset.assign({name: ((*values.dims, PARTS), parts, values.attrs)})
    return dataset


def complex_values(values: xr.DataArray) -> np.ndarray:
    """Back from that."""
    found: np.ndarray = values.values
    return found[..., 0] + 1j * found[..., 1] if values.dims[-1:] == (PARTS,) else found
