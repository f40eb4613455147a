"""A setting that the layout does not read is refused by name, in every domain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from recsat.contract.domain import OwnTables
from recsat.plugins import load_plugins

DOMAINS = ("content", "ecommerce", "social", "game")
OTHER: dict[str, Any] = {
    "timestamp_format": "unix",
    "tables": {"items": {"separator": ";"}},
    "rating_scale": [1, 10],
    "image_column": "image",
    "vector_columns": ["clip"],
    "campaign": "men",
    "policies": ["bts"],
    "country": "hu",
    "catalogue": "/data",
}
"""Values that are not the default; of numbers one more is."""


def settings() -> Iterator[tuple[str, str]]:
    for domain in DOMAINS:
        config = load_plugins([domain]).domain(domain).config
        assert issubclass(config, OwnTables)
        yield from ((domain, name) for name in config.of_layouts)


@pytest.mark.parametrize(("domain", "name"), list(settings()))
def test_a_setting_of_another_layout_is_refused_unless_it_is_the_default(domain: str, name: str) -> None:
    config = load_plugins([domain]).domain(domain).config
    assert issubclass(config, OwnTables)
    default = config.model_fields[name].get_default(call_default_factory=True)
    value = OTHER[name] if name in OTHER else default + 1
    layouts = re.findall(r"'([a-z-]+)'", str(config.model_fields["layout"].annotation))
    for layout in layouts:
        place = {"layout": layout} | ({} if layout in ("sample", "simulated") else {"folder": "/data"})
        assert config.model_validate({**place, name: default})
        if layout in config.of_layouts[name]:
            assert config.model_validate({**place, name: value})
        else:
            with pytest.raises(
                ValidationError, match=f"{name} is a setting of layout .*, and the layout is {layout}: set"
            ):
                config.model_validate({**place, name: value})


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_a_description_says_of_layouts_holds(domain: str) -> None:
    config = load_plugins([domain]).domain(domain).config
    assert issubclass(config, OwnTables)
    for name, field in config.model_fields.items():
        described = re.match(
            r"((?:tables|simulated|sample|open-bandit|online-retail|deezer|steam)(?:, [a-z-]+)*): ",
            field.description or "",
        )
        if described and name != "layout":
            assert set(config.of_layouts[name]) == set(described[1].split(", ")), name
