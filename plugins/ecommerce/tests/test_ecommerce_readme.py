"""The README names what there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def _first_column(section: str) -> list[str]:
    body = README.split(f"## {section}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in body.splitlines() if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([a-z_.]+)`", cell)]


def test_every_setting_is_there() -> None:
    assert _first_column("Settings") == list(EcommerceConfig.model_fields)


def test_every_filter_is_there() -> None:
    assert _first_column("Filters") == [f"ecommerce.{rule.name}" for rule in ECOMMERCE.filters]


def test_every_metric_is_there_with_its_needs() -> None:
    assert _first_column("Metrics") == [metric.name for metric in ECOMMERCE.metrics]
    for metric in ECOMMERCE.metrics:
        (row,) = [line for line in README.splitlines() if line.startswith(f"| `{metric.name}`")]
        assert set(row.split("|")[3].strip().split(", ")) - {"–"} == metric.needs
