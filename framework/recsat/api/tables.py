"""A table as a notebook, a terminal, a data frame and a file have it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from recsat.atomic import write_text
from recsat.data.spreadsheets import without_formulas
from recsat.errors import ConfigError
from recsat.terminals import without_controls

if TYPE_CHECKING:
    import pandas as pd

SHOWN_ROWS = 50
"""Rows that a notebook or a terminal shows; a frame or a file has all of them."""


@dataclass(frozen=True, repr=False)
class ResultTable:
    """Figures of a run. ``frame`` has them as numbers, one row each; ``display`` as people read them, all cells texts."""

    frame: pl.DataFrame
    display: pl.DataFrame
    caption: str = ""

    def __len__(self) -> int:
        return self.frame.height

    def to_polars(self) -> pl.DataFrame:
        """The figures as a polars frame."""
        return self.frame

    def to_pandas(self) -> pd.DataFrame:
        """The figures as a pandas frame; raises :class:`~recsat.ConfigError` where pandas is not installed."""
        try:
            return self.frame.to_pandas()
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"{error.name} is not installed, and a pandas frame needs it: pip install pandas"
            ) from error

    def to_csv(self, path: str | Path | None = None) -> str:
        """The figures as CSV, also written to ``path`` where it is given.

        A text that a spreadsheet would take for a formula begins with an apostrophe.
        """
        text = without_formulas(self.frame).write_csv()
        if path is not None:
            write_text(Path(path), text)
        return text

    def __repr__(self) -> str:
        with pl.Config(
            tbl_rows=SHOWN_ROWS, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=60, tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True
        ):  # fmt: skip
            table = str(self.display)
        return without_controls(f"{self.caption}\n{table}" if self.caption else table)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(name)}</th>" for name in self.display.columns)
        rows = (
            "<tr>" + "".join(f"<td>{escape(cell or '')}</td>" for cell in row) + "</tr>"
            for row in self.display.head(SHOWN_ROWS).iter_rows()
        )
        rest = self.display.height - SHOWN_ROWS
        more = f"<p>… and {rest:,} more rows; .to_polars() has them all.</p>" if rest > 0 else ""
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"


@dataclass(frozen=True, repr=False)
class ReportPage:
    """A run's report: a path, and in a notebook the page itself."""

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"ReportPage({str(self.path)!r})"

    def _repr_html_(self) -> str:
        """The page in a frame of its own, so that its style and script touch nothing else of the notebook."""
        page = escape(self.path.read_text(encoding="utf-8"), quote=True)
        return (
            f'<iframe srcdoc="{page}" sandbox="allow-scripts allow-downloads" width="100%" height="700" '
            f'style="border: 1px solid #8884"></iframe><p>{escape(str(self.path))}</p>'
        )
