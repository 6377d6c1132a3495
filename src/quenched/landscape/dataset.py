"""Fixed points as an `xarray.Dataset` that draws itself. Imported where one is made: xarray is not for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from xarray.core.utils import UncachedAccessor
from xarray.plot.accessor import DatasetPlotAccessor

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class FixedPointPlots(DatasetPlotAccessor):
    """`found.plot()` draws the fixed points in principal components, `found.plot.spectrum()` their eigenvalues."""

    __slots__ = ()

    def __call__(self, *arguments: Any, **options: Any) -> Axes:  # type: ignore[override]
        """See `qd.plots.fixed_points`."""
        from quenched.plots import fixed_points

        return fixed_points(self._ds, *arguments, **options)

    def spectrum(self, *arguments: Any, **options: Any) -> Axes:
        """See `qd.plots.spectrum`."""
        from quenched.plots import spectrum

        return spectrum(self._ds, *arguments, **options)


class FixedPointDataset(xr.Dataset):
    """What `qd.landscape.find_fixed_points` returns. A file, opened again, is drawn by `qd.plots.fixed_points`."""

    __slots__ = ()

    plot = UncachedAccessor(FixedPointPlots)

    def to_netcdf(self, *arguments: Any, **options: Any) -> Any:
        """As xarray's; refused where complex eigenvalues would not fit into the file."""
        if "eigenvalues" in self and not ({"auto_complex", "invalid_netcdf"} & set(options)):
            raise ValueError(
                "NetCDF has no complex numbers: use found.to_zarr(path), found.drop_vars('eigenvalues').to_netcdf(path), or "
                "the engine's own way, auto_complex=True of netcdf4 or invalid_netcdf=True of h5netcdf."
            )
        return super().to_netcdf(*arguments, **options)
