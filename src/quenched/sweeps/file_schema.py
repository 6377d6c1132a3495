"""What a sweep's TOML file may say, and plain words for what is wrong with it."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from quenched.checks import nearest


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _expand(values: Any) -> Any:
    """A list as it is; {start, stop, points} as evenly spaced values."""
    if not isinstance(values, dict):
        return values
    if sorted(values) != ["points", "start", "stop"]:
        raise ValueError("must be a list of numbers or {start = ..., stop = ..., points = ...}")
    start, stop, points = values["start"], values["stop"], values["points"]
    if any(isinstance(end, bool) or not isinstance(end, int | float) for end in (start, stop)):
        raise ValueError("must have numbers for start and stop")
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise ValueError("must have a whole number of points, at least 2")
    # Rounded, so that 0.8 of a range equals the 0.8 of a list.
    return [round(start + (stop - start) * index / (points - 1), 12) for index in range(points)]


def _number_or_array(value: Any) -> Any:
    """A number, or an array of numbers as nested lists."""
    if isinstance(value, list):
        return [_number_or_array(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    return value


def _by_path(tables: Any, above: str = "") -> Any:
    """Nested tables, as dotted keys make them, as one table whose keys are paths."""
    if not isinstance(tables, dict):
        return tables
    found: dict[str, Any] = {}
    for name, value in tables.items():
        deeper = isinstance(value, dict) and any(isinstance(each, dict | list) for each in value.values())
        found |= _by_path(value, f"{above}{name}.") if deeper else {f"{above}{name}": value}
    return found


Values = Annotated[list[Annotated[Any, AfterValidator(_number_or_array)]], BeforeValidator(_expand)]
Over = Annotated[dict[str, Values], BeforeValidator(_by_path)]


class ModelSection(_Section):
    """[model]: what is not swept, of recurrent or of layered networks. Parts as tables, see `parts`."""

    gain: float | None = None
    symmetry: float | None = None
    noise: Any = 0.0
    field: Any = 0.0
    activation: str | None = None
    couplings: Any = None
    unit: Any = None
    weight_std: Any = None
    bias_std: Any = None
    keep: Any = None
    residual: Any = None


class TheorySection(_Section):
    """[theories.NAME]: which theory; the keys not listed here are its arguments."""

    model_config = ConfigDict(extra="allow", strict=True)

    theory: str
    over: Over = Field(default_factory=dict)
    start: str | dict[str, float] | None = None
    solver: dict[str, Any] = Field(default_factory=dict)


class OutputSection(_Section):
    """[output]: where the results go."""

    store: str
    figures: dict[str, str] = Field(default_factory=dict)


class RunSection(_Section):
    """[run]: where the points are computed; in one process if left out."""

    workers: int | None = Field(default=None, ge=1)
    scheduler: str | None = None


class SweepFile(_Section):
    """The whole file."""

    title: str = ""
    seed: int = Field(default=0, ge=0, lt=2**63)
    model: ModelSection = Field(default_factory=ModelSection)
    over: Over = Field(default_factory=dict)
    theories: dict[str, TheorySection] = Field(min_length=1)
    output: OutputSection
    run: RunSection = Field(default_factory=RunSection)


def read_sweep_file(path: Path) -> SweepFile:
    """Read and check the file; every problem is one line of the ValueError."""
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}.") from None
    try:
        return SweepFile.model_validate(content)
    except ValidationError as error:
        raise ValueError("\n".join(f"{path.name}: {_in_words(problem)}" for problem in error.errors())) from None


_MUST_BE = {
    "float_type": "a number",
    "int_type": "a whole number",
    "string_type": "text in quotes",
    "list_type": "a list of numbers or {start = ..., stop = ..., points = ...}",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
    "too_short": "a table with at least one entry",
}


def _in_words(problem: Any) -> str:
    location = [str(step) for step in problem["loc"]]
    key, kind, value = ".".join(location), problem["type"], problem["input"]
    if kind == "extra_forbidden":
        known = list(_section_at(location[:-1]).model_fields)
        return f"unknown key `{key}`.{nearest(location[-1], known)} Known here: {', '.join(known)}."
    if kind == "missing":
        given = [str(name) for name in value] if isinstance(value, dict) else []
        close = get_close_matches(location[-1], given, n=1)
        return f"key `{key}` is missing." + (f" Did you misspell it as {close[0]!r}?" if close else "")
    if kind == "value_error":
        return f"key `{key}` {problem['ctx']['error']}, but is {value!r}."
    must = _MUST_BE.get(kind)
    return f"key `{key}` must be {must}, but is {value!r}." if must else f"key `{key}`: {problem['msg']}, but is {value!r}."


def _section_at(location: list[str]) -> type[BaseModel]:
    sections: dict[str, type[BaseModel]] = {"model": ModelSection, "output": OutputSection, "run": RunSection}
    return sections[location[0]] if location else SweepFile
