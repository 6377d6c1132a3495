"""Fixed points as an `xarray.Dataset` that draws itself. Imported where one is made: xarray is not for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr
from xarray.core.utils import UncachedAccessor
from xarray.plot.accessor import DatasetPlotAccessor

from quenched.netcdf import without_complex

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
        """As xarray's, with the complex eigenvalues as a last axis `re_im`."""
        return xr.Dataset.to_netcdf(without_complex(self), *arguments, **options)
