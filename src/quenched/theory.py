"""The contracts: implement one of these, and `solve`, `sweep`, the command line and the docs work.

A theory describes infinitely many neurons by a handful of equations: pure, deterministic, one compiled function.
An experiment is random: one sample a key, averaged by `solve`, which knows the error and the progress. A sample is a finite
network, or one population of trajectories of a theory that has no closed form.
A choice is what a user writes where the model decides which of them is cheapest and exact.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from quenched import checks
from quenched.couplings.elliptic import Elliptic
from quenched.models import AbstractModel, RandomNetwork, Sinusoid
from quenched.numerics.memory import available_bytes
from quenched.records import Record, public_name
from quenched.status import Status
from quenched.units.leaky import Leaky


class Computed(NamedTuple):
    """What a computation returns: arrays under names of the vocabulary, and how it went."""

    arrays: dict[str, Any]
    status: Int[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]


class Cost(NamedTuple):
    """Time spent on an experiment so far."""

    elapsed: float
    """Seconds since the start, compiling included."""
    all_samples: float
    """Seconds that the samples last measured took together, compiling left out."""


class Start(eqx.Module):
    """Where to begin, hence which branch to follow: a named branch, and order parameters to start Newton from."""

    branch: str = eqx.field(static=True)
    values: dict[str, Array] | None = None


def is_usual(model: RandomNetwork) -> bool:
    """Whether it is one population of elliptic couplings without a mean, of leaky units dx/dt = -x + h without sinusoids."""
    of_units = type(model.unit) is Leaky and model.unit.usual and not isinstance(model.field, Sinusoid)
    return of_units and type(model.couplings) is Elliptic and model.couplings.mean is None


_OTHERS = "qd.dmft.Static, qd.dmft.TwoTime and qd.simulate.Trajectories take others"


def one_population(model: RandomNetwork, what: str, instead: str = _OTHERS) -> None:
    """Refuse, in the name of a theory, all but elliptic couplings without a mean and the usual leaky units."""
    if not isinstance(model, RandomNetwork):
        raise TypeError(f"Argument `model` must be a qd.RandomNetwork for {what}, but is {checks.shown(model)}.")
    if type(model.couplings) is not Elliptic:
        raise ValueError(
            f"Argument `couplings` must be qd.couplings.Elliptic for {what}, but is {public_name(model.couplings)}; "
            f"{instead}."
        )
    if model.couplings.mean is not None:
        raise ValueError(f"Argument `mean` must be left out for {what}, whose couplings have none; {instead}.")
    unit = model.unit
    if type(unit) is not Leaky:
        raise ValueError(f"Argument `unit` must be qd.units.Leaky for {what}, but is {public_name(unit)}; {instead}.")
    for name in ("time_constant", "self_coupling"):
        if getattr(unit, name) is not None:
            raise ValueError(f"Argument `{name}` must be left out for {what}, whose units have none; {instead}.")
    if isinstance(model.field, Sinusoid):
        raise ValueError(f"Argument `field` must not be a sinusoid for {what}; {instead}.")


class AbstractLevel(Record):
    """A level of description: a theory, an experiment or a choice."""

    models: ClassVar[tuple[type[AbstractModel], ...]] = (RandomNetwork,)
    """The kinds of ensembles that it is about."""

    def covers(self, model: Any) -> None:
        """Refuse, by ValueError and by the part's name, couplings, units and fields that this is not about."""
        one_population(model, public_name(self))


class AbstractTheory(AbstractLevel):
    """A level of description for N to infinity."""

    branches: eqx.AbstractClassVar[tuple[str, ...]]
    """Names that `start` may take."""
    unknowns: eqx.AbstractClassVar[tuple[str, ...]]
    """Order parameters that `start` must give when it is a mapping."""
    citations: eqx.AbstractClassVar[tuple[str, ...]]
    """Keys of quenched.citation.BIBTEX."""

    brief: ClassVar[bool] = False
    """Whether one point takes milliseconds, so that an optimising compiler would take longer than it ever saves."""

    memory_arguments: ClassVar[str] = "the solver's `nodes`"
    """What to lower where a point does not fit into memory."""

    lanes: ClassVar[int] = 64
    """Points that a sweep computes side by side; 1 where a point takes long, and the slowest would hold the others back."""

    @abstractmethod
    def default_solver(self) -> Any:
        """The solver used where none is given; others must be of its type."""

    def order_parameters(self, model: Any) -> Mapping[str, tuple[int, ...]]:
        """Names and shapes of the order parameters that `start` must give when it is a mapping."""
        return dict.fromkeys(self.unknowns, ())

    @abstractmethod
    def check(self, model: Any, solver: Any, start: Start) -> None:
        """Refuse, by ValueError, a model that the theory or this branch does not cover, or what takes more memory than
        allowed."""

    def default_branch(self, models: Sequence[Any], values: Mapping[str, Any] | None) -> str:
        """The branch for these models if none is asked for by name, given the order parameters to start from, if any."""
        return self.branches[0]

    def in_range(self, model: Any) -> Array:
        """What `check` and the constructor refuse, of parameters that were traced then; False is the status `bad_input`."""
        return model.in_range()

    def branch_name(self, start: Start) -> str | None:
        """The branch, where there are several."""
        return start.branch if len(self.branches) > 1 else None

    def outside_errors(self, model: Any) -> str:
        """What an `_error` does not contain, for the attributes of the result; nothing if empty."""
        return ""

    def bytes_per_point(self, solver: Any, start: Start) -> int:
        """Memory that `compute` needs; 0 where it is too little to matter."""
        return 0

    def stages(self, model: Any, solver: Any, start: Start) -> Generator[tuple[int, int], None, Computed] | None:
        """`compute` as parts that are compiled and run one after the other, where an early one may settle it all: yields how
        much is done, of how much in all. None where it is one program."""
        return None

    def why(self, arrays: Mapping[str, Any], status: Status) -> str:
        """What can be said of a status beyond its general advice, as sentences that end in a space."""
        return ""

    @abstractmethod
    def coordinates(self) -> Mapping[str, Any]:
        """Values along the axes of what is returned, where they have any."""

    @abstractmethod
    def compute(self, model: Any, solver: Any, start: Start) -> Computed:
        """Solve. Pure: no Python branching on values, so that jit, vmap and derivatives pass through."""


Estimator = Callable[[Array], tuple[Array, Array | None]]
"""From one value a sample to their average and its error, None where it has none."""


class AbstractExperiment(AbstractLevel):
    """Something measured on independent random samples."""

    citations: eqx.AbstractClassVar[tuple[str, ...]]
    together: eqx.AbstractClassVar[Literal["batch", "threads", "never"]]
    """How several samples are measured at once: in one batch, unless each takes its own number of iterations; from several
    threads, unless `measure` calls LAPACK on batches: two such calls can wait for each other for ever."""
    estimators: eqx.AbstractClassVar[Mapping[str, Estimator]]
    """How a quantity is averaged over samples, where a plain mean would not do."""

    memory_arguments: eqx.AbstractClassVar[str]
    """What to lower where one sample does not fit into memory."""

    @property
    def alone(self) -> bool:
        """Whether a sample is so large that it is measured alone, whatever `together` says."""
        return False

    @property
    @abstractmethod
    def samples(self) -> int:
        """How many independent samples are averaged, at least 2."""

    @abstractmethod
    def default_solver(self) -> Any:
        """The solver used where none is given, or None where there is nothing to choose."""

    @abstractmethod
    def check(self, model: Any, solver: Any) -> None:
        """Refuse, by ValueError, a model that cannot be measured, or what takes more memory than allowed."""

    @abstractmethod
    def bytes_per_sample(self, solver: Any) -> int:
        """Memory that `measure` needs for one sample, with dense weights."""

    def bytes_measuring(self, model: Any, solver: Any) -> int:
        """Memory that `measure` needs for one sample of this model."""
        return self.bytes_per_sample(solver)

    def check_memory(self, model: Any, solver: Any) -> None:
        """Refuse, by MemoryError, a sample that does not fit."""
        needed, available = self.bytes_measuring(model, solver), available_bytes()
        if needed > available:
            raise MemoryError(
                f"{type(self).__name__} needs about {needed / 2**30:.1f} GiB at once, but {available / 2**30:.1f} GiB "
                f"are free; lower {self.memory_arguments}."
            )

    @abstractmethod
    def coordinates(self) -> Mapping[str, Any]:
        """Values along the axes of what is returned, where they have any."""

    @abstractmethod
    def measure(self, model: Any, solver: Any, key: Key[Array, ""]) -> Computed:
        """Measure one sample. Pure, as `AbstractTheory.compute`."""

    def in_range(self, model: Any) -> Array:
        """As of `AbstractTheory`."""
        return model.in_range()

    def outside_errors(self, model: Any) -> str:
        """As of `AbstractTheory`."""
        return ""

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """The averages, where their standard errors over samples are not all of the error. Pure, as `measure`."""
        return arrays

    def verdict(self, averaged: Computed) -> Int[Array, ""]:
        """The status of averages over samples that are each solved. Pure, as `measure`."""
        return jnp.asarray(Status.solved)

    def refine(self, averaged: Computed, cost: Cost) -> AbstractExperiment | None:
        """A finer experiment to measure in place of this one; None to leave it at that."""
        return None


class AbstractChoice(AbstractLevel):
    """A level of description with several ways to solve it, chosen by the models and by the solver."""

    citations: eqx.AbstractClassVar[tuple[str, ...]]
    """Keys of quenched.citation.BIBTEX."""

    solvers: eqx.AbstractClassVar[tuple[type, ...]]
    """What `solver` may be."""
    of_solver: ClassVar[Mapping[str, str]] = {}
    """Arguments that one might look for here, and the solver that has them, as it is written."""

    def __new__(cls, *arguments: Any, **options: Any) -> AbstractChoice:
        """Refuse numerics, in the name of the solver that they belong to."""
        for name, value in options.items():
            if name in cls.of_solver:
                solver = cls.of_solver[name].format(checks.shown(value))
                raise TypeError(
                    f"Argument `{name}` belongs to the solver: "
                    f"qd.solve(model, qd.dmft.{cls.__name__}(...), solver={solver})."
                )
        return super().__new__(cls)

    @abstractmethod
    def default_solver(self, models: Sequence[Any]) -> Any:
        """The solver for these models where none is given."""

    @abstractmethod
    def choose(self, models: Sequence[Any], solver: Any = None) -> AbstractTheory | AbstractExperiment:
        """The way that serves all these models with this solver, or with the default one; refuses, by name, a solver that
        does not."""

    def checked_solver(self, models: Sequence[Any], solver: Any) -> Any:
        """The solver to use, of a kind that there is here."""
        if solver is None:
            return self.default_solver(models)
        if type(solver) not in self.solvers:
            kinds = " or ".join(kind.__name__ for kind in self.solvers)
            raise TypeError(f"Argument `solver` must be a {kinds} for {type(self).__name__}, but is {checks.shown(solver)}.")
        return solver


Theory = AbstractTheory | AbstractExperiment | AbstractChoice
