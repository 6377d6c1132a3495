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
    """What `qd.landscape.find_fixed_points` returns. What `where` or `merge` make of it, or a file, opened again, is a plain
    Dataset with the same data, and drawn by `qd.plots.fixed_points`.
    """

    __slots__ = ()

    plot = UncachedAccessor(FixedPointPlots)
