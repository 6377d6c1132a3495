"""The two contracts: implement these, and `solve`, `sweep`, the command line and the docs work.

A theory describes infinitely many neurons by a handful of equations: pure, deterministic, one compiled function.
An experiment measures finite networks: one network a key, averaged by `solve`, which knows the error and the progress.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import Array, Float, Int, Key

from quenched.models import RandomNetwork


class Computed(NamedTuple):
    """What a computation returns: arrays under names of the vocabulary, and how it went."""

    arrays: dict[str, Array]
    status: Int[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]


class Start(eqx.Module):
    """Where to begin, hence which branch to follow: a named branch, and order parameters to start Newton from."""

    branch: str = eqx.field(static=True)
    values: dict[str, Array] | None = None


class AbstractTheory(eqx.Module):
    """A level of description for N to infinity."""

    branches: eqx.AbstractClassVar[tuple[str, ...]]
    """Names that `start` may take; the first is the default."""
    unknowns: eqx.AbstractClassVar[tuple[str, ...]]
    """Order parameters that `start` must give when it is a mapping."""
    citations: eqx.AbstractClassVar[tuple[str, ...]]
    """Keys of quenched.citation.BIBTEX."""

    @abstractmethod
    def default_solver(self) -> Any:
        """The solver used where none is given; others must be of its type."""

    @abstractmethod
    def check(self, model: RandomNetwork) -> None:
        """Refuse, by ValueError, a model that the theory does not cover."""

    @abstractmethod
    def compute(self, model: RandomNetwork, solver: Any, start: Start) -> Computed:
        """Solve. Pure: no Python branching on values, so that jit, vmap and derivatives pass through."""


Estimator = Callable[[Array], tuple[Array, Array]]
"""From one value a network to their average and its error."""


class AbstractExperiment(eqx.Module):
    """A measurement on finite networks drawn from the ensemble."""

    size: eqx.AbstractVar[int]
    networks: eqx.AbstractVar[int]
    citations: eqx.AbstractClassVar[tuple[str, ...]]
    side_by_side: eqx.AbstractClassVar[bool]
    """Whether several networks are measured in one batch; not where each takes its own number of iterations."""
    estimators: eqx.AbstractClassVar[Mapping[str, Estimator]]
    """How a quantity is averaged over networks, where a plain mean would not do."""

    @abstractmethod
    def default_solver(self) -> Any:
        """The solver used where none is given, or None where there is nothing to choose."""

    @abstractmethod
    def check(self, model: RandomNetwork) -> None:
        """Refuse, by ValueError, a model or a size that cannot be measured."""

    @abstractmethod
    def bytes_per_network(self) -> int:
        """Memory that `measure` needs for one network."""

    @abstractmethod
    def coordinates(self) -> Mapping[str, Any]:
        """Values along the axes of what is returned, where they have any."""

    @abstractmethod
    def measure(self, model: RandomNetwork, solver: Any, key: Key[Array, ""]) -> Computed:
        """Measure one network. Pure, as `AbstractTheory.compute`."""


Theory = AbstractTheory | AbstractExperiment
