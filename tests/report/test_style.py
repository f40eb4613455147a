"""The style sheet: enough contrast to read, in both schemes and on paper."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("recsat.report").joinpath("templates/page.css").read_text(encoding="utf-8")
SCHEMES = ("light", "dark", "paper")
TEXT = [
    ("ink", "paper"),
    ("ink", "raised"),
    ("soft", "paper"),
    ("accent", "paper"),
    ("better", "paper"),
    ("worse", "paper"),
    ("alarm", "alarm-paper"),
]


def palette(scheme: str) -> dict[str, str]:
    """Colours of a scheme: each is one ``:root`` block, in this order."""
    blocks = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)
    assert len(blocks) == len(SCHEMES)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", blocks[SCHEMES.index(scheme)]))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour.removeprefix("#")
    digits = "".join(2 * d for d in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    bright, dim = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_contrast_is_the_one_of_the_standard() -> None:
    assert contrast("#fff", "#000000") == pytest.approx(21)
    assert contrast("#777", "#fff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("text", "ground"), TEXT)
def test_text_has_a_contrast_of_at_least_four_and_a_half(scheme: str, text: str, ground: str) -> None:
    colours = palette(scheme)
    assert contrast(colours[text], colours[ground]) >= 4.5


def test_every_variable_that_is_used_is_defined_in_the_first_scheme() -> None:
    defined = set(re.findall(r"(--[\w-]+):", CSS.split("}")[0]))
    assert set(re.findall(r"var\((--[\w-]+)\)", CSS)) <= defined


def test_the_style_sheet_fetches_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face|//|</", CSS)
