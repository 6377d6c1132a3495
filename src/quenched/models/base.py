"""What every ensemble of networks is: parameters by name, and the ensemble with others."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

from jaxtyping import Array

from quenched.models.parameters import find_path, kinds_of_parts, parameter_paths, rebuilt, value_at
from quenched.records import Record

Model = TypeVar("Model", bound="AbstractModel")


class AbstractModel(Record):
    """What is random: `qd.solve` and `qd.sweep` take one, and a theory says which it is about.

    `qd.RandomNetwork` and `qd.FeedforwardNetwork` are the two that there are.
    """

    instead: ClassVar[str] = ""
    """What to do where a theory is not about it, as a sentence after a space."""

    time_axis: ClassVar[str] = "time"
    """What goes on from step to step."""

    @property
    def parameters(self) -> dict[str, tuple[str, ...]]:
        """Names of all parameters, such as `gain`, or `couplings.gain` where several parts have one; and where they are."""
        return parameter_paths(self)

    def values(self) -> dict[str, Any]:
        """The parameters by name, without those that were left out.

        Returns:
            A dictionary from the names of `parameters` to their values.
        """
        found = {name: value_at(self, path) for name, path in self.parameters.items()}
        return {name: value for name, value in found.items() if value is not None}

    def replace(self: Model, **changes: Any) -> Model:
        """The model with other values of some `parameters`; each meets the checks that it always meets.

        Arguments:
            changes: new values by name. The name is the last word of the path, or the whole of it:
                `replace(**{"couplings.gain": 2.0})`.

        Returns:
            The new model; the old one stays as it is.

        Raises:
            ValueError, TypeError: no such parameter, or several of this name; a value that the model refuses.

        Example:
            >>> import quenched as qd
            >>> model = qd.RandomNetwork(gain=1.5, symmetry=0.2).replace(gain=2.0)
            >>> float(model.gain), float(model.symmetry)
            (2.0, 0.2)
        """
        known = self.parameters
        changed: Model = rebuilt(self, {find_path(known, name): value for name, value in changes.items()})
        return changed

    @property
    def citations(self) -> tuple[str, ...]:
        """Keys of quenched.citation.BIBTEX, of the papers that its parts are from."""
        return tuple(dict.fromkeys(key for part in kinds_of_parts(self).values() for key in getattr(part, "citations", ())))

    @property
    def in_short(self) -> bool:
        """Whether its parameters say all, without the names of its parts."""
        return True

    @property
    def populations(self) -> int:
        """How many populations there are."""
        return 1

    @abstractmethod
    def in_range(self) -> Array:
        """What is refused at once, of parameters that were traced then."""
