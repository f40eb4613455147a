"""Ids that two tables write differently: ``abc-1`` beside ``ABC-1``, ``42`` beside ``0042``."""

from __future__ import annotations

from typing import Final

import polars as pl

DIFFERENCES: Final = "case, blanks or leading zeros"
_UNSEEN: Final = r"[\s\p{Cf}]+"


def near_ids(ids: pl.Series, known: pl.Series) -> pl.DataFrame:
    """(id, near): each of ``ids`` that is none of ``known`` and differs from one of these, ``near``, in :data:`DIFFERENCES` or the form of its signs alone.

    >>> near_ids(pl.Series(["abc-1", "42", "x"]), pl.Series(["ABC-1", "0042", "y"])).rows()
    [('abc-1', 'ABC-1'), ('42', '0042')]
    """
    others = pl.DataFrame({"id": ids.drop_nulls().unique(maintain_order=True)}, schema={"id": pl.String})
    there = pl.DataFrame({"near": known.drop_nulls().unique(maintain_order=True)}, schema={"near": pl.String})
    absent = others.join(there, left_on="id", right_on="near", how="anti", maintain_order="left")
    plain = there.with_columns(plain=_plain("near")).unique("plain", keep="first")
    return (
        absent.with_columns(plain=_plain("id"))
        .filter(pl.col("plain") != "")
        .join(plain, on="plain", maintain_order="left")
        .select("id", "near")
    )


def _plain(column: str) -> pl.Expr:
    text = pl.col(column).str.normalize("NFKC").str.replace_all(_UNSEEN, "").str.to_lowercase()
    return text.str.replace(r"^0+(.)", "${1}").str.replace(r"^(\d+)\.0+$", "${1}")
