"""Texts with HTML in them, and texts that were read in another encoding than they were written in before they came here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Final

import polars as pl

from recsat.data import notes
from recsat.data.columns import Column

LETTERS: Final = "acute|grave|circ|uml|tilde|cedil|ring|slash"
SIGNS: Final = (
    "amp|lt|gt|quot|apos|nbsp|ndash|mdash|hellip|bull|middot|trade|copy|reg|deg|times|euro|pound|yen|cent"
    "|lsquo|rsquo|sbquo|ldquo|rdquo|bdquo|laquo|raquo|iexcl|iquest|szlig|aelig|AElig|oelig|OElig|eth|thorn"
)
ENTITY: Final = rf"&(?:#[0-9]{{2,7}}|#[xX][0-9a-fA-F]{{2,6}}|{SIGNS}|[A-Za-z](?:{LETTERS}));"
BLOCKS: Final = "br|p|div|ul|ol|li|h[1-6]|table|tbody|tr|td|th|hr|img|blockquote"
INLINE: Final = "a|b|i|u|em|strong|span|font|small|sup|sub"
TAG: Final = rf"</?(?i:{BLOCKS}|{INLINE})(?:\s[^<>]*)?/?>"
HTML: Final = f"{ENTITY}|{TAG}"
MOST_UNESCAPED: Final = 3
"""``&amp;amp;#39;`` is an apostrophe that three programs have escaped."""
TRAIL: Final = "[\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2026\u2030\u2039\u203a\u20ac\u2122]"
"""Any byte of UTF-8 but the first of a character, as Windows-1252 reads it."""
GARBLED: Final = (
    "[\u00c2\u00c3][\u00a0-\u00bf]"  # the letters of western Europe
    "|\u00c3[\u0178\u0192\u0152\u2030\u0153\u201c\u2013\u2021\u2018\u20ac](?:[a-z]|$)"  # ß and capitals with an accent
    "|\u00e2\u20ac|\u00ef\u00bb\u00bf|\u00f0\u0178|\u00ef\u00bf\u00bd"  # quotes and dashes, a byte-order mark, emoji, what was lost before
    f"|(?:[\u00d0\u00d1]{TRAIL}){{2,}}|(?:[\u00e0-\u00ef]{TRAIL}{{2}}){{2,}}"  # Cyrillic; Chinese, Japanese and Korean
    "|\ufffd"
)
EXAMPLE: Final = 20
"""Signs of a text to either side of what is odd in it."""
N_EXAMPLES: Final = 3


def without_html(cells: pl.Series) -> pl.Series:
    """Texts, or lists of them, with HTML's entities read and its tags left out.

    >>> without_html(pl.Series(["Tom &amp; Jerry", "<b>Big</b><br/>&#39;House&amp;#39;"])).to_list()
    ['Tom & Jerry', "Big 'House'"]
    """
    if cells.dtype == pl.List(pl.String):
        texts = _with_html(cells.explode(empty_as_null=True))
        return cells.list.eval(pl.element().replace(texts, texts.map_elements(_plain, return_dtype=pl.String)))
    if cells.dtype != pl.String:
        return cells
    texts = _with_html(cells)
    return cells.replace(texts, texts.map_elements(_plain, return_dtype=pl.String))


def _with_html(cells: pl.Series) -> pl.Series:
    return cells.filter(cells.str.contains(HTML).fill_null(value=False)).unique()


_ENTITY, _BLOCK, _INLINE = (
    re.compile(ENTITY),
    re.compile(rf"</?(?:{BLOCKS})(?:\s[^<>]*)?/?>", re.IGNORECASE),
    re.compile(rf"</?(?:{INLINE})(?:\s[^<>]*)?/?>", re.IGNORECASE),
)


def _plain(text: str) -> str:
    text = _INLINE.sub("", _BLOCK.sub(" ", text))
    for _ in range(MOST_UNESCAPED):
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    return text


def read_html(raw: pl.DataFrame, columns: Mapping[str, Column]) -> pl.DataFrame:
    """``raw`` whose texts and lists among ``columns`` are read as HTML; ids and events stay as they are."""
    sources = [
        column.source or name
        for name, column in columns.items()
        if column.kind in ("text", "list") and not name.endswith("_id") and name != "event"
    ]
    return raw.with_columns(without_html(raw[source]) for source in dict.fromkeys(sources))


def odd_texts(items: pl.DataFrame) -> Iterator[str]:
    """A sentence for each column of texts that has HTML or garbled letters in it, with how many cells and examples."""
    for name, dtype in items.schema.items():
        if dtype not in (pl.String, pl.List(pl.String)) or name.endswith("_id"):
            continue
        cells = items[name].drop_nulls() if dtype == pl.String else items[name].list.join(" | ").drop_nulls()
        for pattern, note in ((HTML, notes.with_html), (GARBLED, notes.garbled)):
            odd = cells.filter(cells.str.contains(pattern))
            if len(odd):
                yield note(name, f"{len(odd):,}", f"{len(cells):,}", examples(odd, pattern))


def examples(odd: pl.Series, pattern: str) -> str:
    """The first of ``odd`` around what ``pattern`` finds in each."""
    cut = odd.head(N_EXAMPLES).str.extract(rf"(?s)(.{{0,{EXAMPLE}}}(?:{pattern}).{{0,{EXAMPLE}}})", 1)
    return ", ".join(repr(text) for text in cut.unique(maintain_order=True))
