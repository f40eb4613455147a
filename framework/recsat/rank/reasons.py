"""Reasons in words: a code and a history item become a sentence from the domain's template."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

DEFAULT_REASONS: Mapping[str, str] = {
    "because": "because you liked {title}",
    "similar": "similar to {title}, which you liked",
    "popular": "popular now",
    "new": "new, nobody has tried it yet",
    "taste": "fits what you liked so far",
    "profile": "fits what you told about yourself",
    "no-history": "popular now; nothing is known of your taste yet",
    "filled": "popular now; the list would have been too short",
}


def in_words(
    codes: NDArray[np.str_], items: NDArray[np.int64], titles: pl.Series, templates: Mapping[str, str]
) -> pl.Series:
    """One sentence for each code, with ``{title}`` standing for the title of the history item (or left out at -1).

    ``templates`` are the domain's own, laid over :data:`DEFAULT_REASONS`; a code without a template is shown as it is.
    """
    words = {**DEFAULT_REASONS, **templates}
    named = titles.cast(pl.String).gather(np.maximum(items, 0)) if len(titles) else pl.Series([], dtype=pl.String)
    frame = pl.DataFrame({"code": pl.Series(codes, dtype=pl.String), "title": named.fill_null("an item you liked")})
    parts = frame.with_columns(template=pl.col("code").replace(words)).with_columns(
        pl.col("template").str.split_exact("{title}", 1).struct.rename_fields(["before", "after"]).alias("split")
    )
    return parts.select(
        pl.when(pl.col("split").struct.field("after").is_null())
        .then(pl.col("template"))
        .otherwise(
            pl.concat_str(
                pl.col("split").struct.field("before"), pl.col("title"), pl.col("split").struct.field("after")
            )
        )
        .alias("reason")
    ).to_series()
