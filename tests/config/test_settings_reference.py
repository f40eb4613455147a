"""The page of settings says what the model says. ``python tests/config/test_settings_reference.py`` writes it anew."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from recsat import RunConfig
from recsat.config.faults import is_model, variants
from recsat.config.sources import variable
from recsat.config.tables import EventSettings

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
HEAD = """# Settings

Every setting of a run, with its default. [Set up a run](../how-to/configure.md) says how to give them. `domain_config` holds
the domain's own settings: `recsat config` lists them with their values.
"""
OWN_TABLES = """
# Your own tables

Domains that read your own files have `domain_config.tables`, with a section for each of `items`, `events`, `users`, `exposures` and `ties`; those of
events are below, and all but `event_names` and `only_named` are those of the other tables too. [Your own data](../how-to/own-data.md) shows their use.
"""
BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def page() -> str:
    return (
        HEAD
        + "".join(sections(RunConfig, ""))
        + OWN_TABLES
        + "".join(sections(EventSettings, "domain_config.tables.events."))
    )


def sections(model: type[BaseModel], prefix: str) -> Iterator[str]:
    """A table of the model's own settings, then the sections in it."""
    inner: list[tuple[str, type[BaseModel]]] = []
    rows = []
    for name, field in model.model_fields.items():
        kinds = [kind for kind in variants(field.annotation) if is_model(kind)]
        items = [item for kind in variants(field.annotation) for item in get_args(kind) if is_model(item)]
        if kinds:
            inner.append((f"{prefix}{name}", kinds[0]))
            continue
        if items:
            inner.append((f"{prefix}{name}[]", items[0]))
        default = field.get_default(call_default_factory=True, validated_data={})
        rows.append(
            f"| `{prefix}{name}` | {kind_of(field.annotation, field.metadata)} | `{as_text(default)}` | {field.description} |\n"
        )
    title = prefix.removesuffix(".") or "The run"
    about = "" if model is RunConfig else f"{(model.__doc__ or '').strip()}\n\n"
    if prefix and "[]" not in prefix:
        about += f"Variables: `{variable(prefix)}…`\n\n"
    yield f"\n## {title}\n\n{about}| setting | type | default | what |\n|---|---|---|---|\n{''.join(rows)}"
    for name, section in inner:
        yield from sections(section, f"{name}.")


def kind_of(annotation: Any, metadata: list[Any]) -> str:
    words = []
    for kind in variants(annotation):
        if get_origin(kind) is Literal:
            words += [f"`{choice}`" for choice in get_args(kind)]
        elif kind is not type(None):
            words.append({"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "list": "list", "dict": "section"}[
                (get_origin(kind) or kind).__name__
            ])  # fmt: skip
    bounds = [
        f"{sign} {getattr(rule, name):,}" for rule in metadata for name, sign in BOUNDS.items() if hasattr(rule, name)
    ]
    return ", ".join([" or ".join(words), *bounds])


def as_text(default: Any) -> str:
    if default is PydanticUndefined:
        return "must be set"
    if isinstance(default, list):
        default = [item.model_dump() if isinstance(item, BaseModel) else item for item in default]
    return default if isinstance(default, str) else json.dumps(default)


def test_the_page_of_settings_is_that_of_the_model() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), f"run: python {Path(__file__).name}"


def test_every_setting_is_described() -> None:
    assert "| None |" not in page()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
