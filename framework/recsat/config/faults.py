"""Turns what pydantic finds wrong with settings into sentences that say what, where and what to do."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from recsat.config.secrets import masked
from recsat.errors import closest, did_you_mean

Path = tuple[str | int, ...]


def dotted(path: Sequence[str | int]) -> str:
    """``("splits", 0, "name")`` as ``splits[0].name``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def variants(annotation: Any) -> list[Any]:
    """The types that a field accepts: the members of a union, with what ``Annotated`` wraps."""
    if get_origin(annotation) is Annotated:
        return variants(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in variants(member)]
    return [annotation]


def is_model(annotation: Any) -> bool:
    """Whether this is a pydantic model."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def child(annotation: Any, key: str | int) -> Any:
    """The type of what lies under ``key`` in a value of this type; None where nothing is known of it."""
    for kind in variants(annotation):
        arguments = get_args(kind)
        if is_model(kind) and key in kind.model_fields:
            return kind.model_fields[key].annotation
        if get_origin(kind) is dict and isinstance(key, str):
            return arguments[1]
        if get_origin(kind) in (list, tuple) and isinstance(key, int) and arguments:
            return arguments[0]
    return None


def at(annotation: Any, path: Path) -> Any:
    """The type of what lies at ``path``; None where nothing is known of it."""
    for key in path:
        annotation = child(annotation, key)
    return annotation


def keys_of(annotation: Any) -> list[str]:
    """The keys that a section of this type has; empty for what is no section or takes any key."""
    return [name for kind in variants(annotation) if is_model(kind) for name in kind.model_fields]


def all_keys(model: type[BaseModel]) -> Iterator[str]:
    """Every dotted key of a model and of the sections in it."""
    for name, field in model.model_fields.items():
        sections = [kind for kind in variants(field.annotation) if is_model(kind)]
        yield name
        yield from (f"{name}.{key}" for section in sections for key in all_keys(section))


def suggestion(key: str, model: type[BaseModel]) -> str:
    """The dotted key that was probably meant, or nothing: a misspelt one, or one named without its section."""
    section, _, last = key.rpartition(".")
    keys = list(all_keys(model))
    siblings = [key for key in keys if key.rpartition(".")[0] == section]
    near = closest(last, [key.rpartition(".")[2] for key in siblings])
    if near:
        return f"{section}.{near[0]}".removeprefix(".")
    elsewhere = [key for key in keys if key.rpartition(".")[2] == last]
    return next(iter(elsewhere or closest(key, keys)), "")


def faults(error: ValidationError, model: type[BaseModel]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every fault with the path of keys that leads to it."""
    for fault in error.errors(include_url=False):
        path = tuple(fault["loc"])
        # pydantic appends the names of union members and validators, which are no keys.
        while len(path) > 1 and at(model, path[:-1]) is None:
            path = path[:-1]
        yield path, dict(fault)


def sentence(
    fault: Mapping[str, Any],
    path: Path,
    model: type[BaseModel],
    *,
    under: Path = (),
    spell: Callable[[str], str] = repr,
) -> str:
    """What is wrong with one value. ``under`` is where the model's keys lie; ``spell`` writes a key as its source does."""
    kind, value, limits = fault["type"], fault["input"], fault.get("ctx", {})
    key = dotted((*under, *path))
    cell = masked(key, repr(value))
    if kind == "extra_forbidden":
        return unknown_key(path, model, under=under, spell=spell)
    if kind == "missing":
        return f"{key} is missing, and it has no default."
    if kind in ("value_error", "assertion_error"):
        message = str(limits["error"]).rstrip(".")
        return f"{key}: {message}." if key else f"{message}."
    if kind in BOUNDS:
        return f"{key} must {BOUNDS[kind].format_map(limits)}, but is {cell}."
    if kind == "literal_error":
        choices = [choice for k in variants(at(model, path)) if get_origin(k) is Literal for choice in get_args(k)]
        hint = did_you_mean(str(value), map(str, choices))
        return f"{key} must be one of {', '.join(map(str, choices))}, but is {cell}.{hint}"
    type_name = TYPES.get(kind.partition("_")[0])
    if type_name:
        hint = " Put it in quotes." if kind == "string_type" and isinstance(value, int | float) else ""
        return f"{key} must be {type_name}, but is {cell}.{hint}"
    return f"{key} is {cell}: {fault['msg'][0].lower()}{fault['msg'][1:]}."


def unknown_key(path: Path, model: type[BaseModel], *, under: Path = (), spell: Callable[[str], str] = repr) -> str:
    """What to say of a key that its section does not have."""
    parent, key = path[:-1], str(path[-1])
    known = keys_of(at(model, parent))
    if any(isinstance(part, int) for part in path):
        near = closest(key, known)
        likely_key = dotted((*parent, *near)) if near else ""
    else:
        likely_key = suggestion(dotted(path), model)
    hint = f" Did you mean {spell(dotted((*under, likely_key)))}?" if likely_key else ""
    section = dotted((*under, *parent))
    return f"{dotted((*under, *path))} is no setting.{hint} {section or 'Settings'}{' has' if section else ''}: {', '.join(known)}."


BOUNDS = {
    "greater_than": "be above {gt}",
    "greater_than_equal": "be at least {ge}",
    "less_than": "be below {lt}",
    "less_than_equal": "be at most {le}",
    "string_pattern_mismatch": "match {pattern}",
    "string_too_short": "have at least {min_length} characters",
    "string_too_long": "have at most {max_length} characters",
    "too_short": "have at least {min_length} entries",
    "too_long": "have at most {max_length} entries",
}
TYPES = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "string": "text",
    "bool": "true or false",
    "list": "a list, such as [a, b]",
    "tuple": "a list, such as [a, b]",
    "set": "a list, such as [a, b]",
    "dict": "a section of key: value",
    "model": "a section of key: value",
    "datetime": "a date and time, such as 2024-06-01T00:00:00Z",
    "date": "a date, such as 2024-06-01",
}
"""A type in words, by the first word of pydantic's name for the fault."""
