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


def look_alikes(ids: pl.Series) -> pl.DataFrame:
    """(id, like): each of ``ids`` that people cannot tell from another one of them, ``like``: they differ in signs that are not seen, in which blanks stand in them or how letters with accents are composed.

    >>> look_alikes(pl.Series(["ann", "ann\u200b", "bob"])).rows() == [("ann\u200b", "ann")]
    True
    """
    there = pl.DataFrame({"id": ids.drop_nulls().unique().sort()}, schema={"id": pl.String})
    unusual = pl.col("id").str.contains(r"[^\x21-\x7e]")
    if not there.select(unusual.any()).item():
        return there.clear().with_columns(like=pl.lit(None, pl.String))
    seen = (
        pl.col("id").str.normalize("NFC").str.replace_all(r"\p{Cf}+", "").str.replace_all(r"\s+", " ").str.strip_chars()
    )
    looks = there.with_columns(looks=pl.when(unusual).then(seen).otherwise("id"), n_bytes=pl.col("id").str.len_bytes())
    alike = looks.filter((pl.len().over("looks") > 1) & (pl.col("looks") != "")).sort("looks", "n_bytes", "id")
    return alike.select("id", like=pl.col("id").first().over("looks")).filter(pl.col("id") != pl.col("like"))


def _plain(column: str) -> pl.Expr:
    text = pl.col(column).str.normalize("NFKC").str.replace_all(_UNSEEN, "").str.to_lowercase()
    return text.str.replace(r"^0+(.)", "${1}").str.replace(r"^(\d+)\.0+$", "${1}")
