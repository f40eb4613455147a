"""Parts of the users, of the items and of what was shown that are judged apart as well.

Slices come from what was liked before the cut alone (:attr:`~recsat.measure.evidence.Evidence.n_likes`). A slice that is empty, or that
is everybody, says nothing and is left out.
"""

from __future__ import annotations

import polars as pl

OF_ITEMS = ("head items", "tail items", "cold items")
OF_USERS = ("cold users", "warm users")
FEWEST_USERS = 30
"""Fewer say nothing of others: their mean gets words in place of a number, and is compared with nothing."""
SURFACE = "surface "
"""Before the label that the data give a surface."""
MOST_SURFACES = 8
"""Each further slice is a further comparison to correct for."""
PLACES = (("position 1", 1, 1), ("positions 2 to 3", 2, 3), ("positions from 4", 4, 2**62))
"""Places on a page by name, first and last: people look at the first far more than at the rest."""
KIND = "kind "
"""Before the name of a kind of items."""
MOSTLY = "mostly "
"""Before the kind of items that more than half of a history is of."""
HEAD_SHARE = 0.5
COLD_HISTORY = 5


def item_slices(n_likes: pl.DataFrame, items: pl.Series, *, head_share: float = HEAD_SHARE) -> dict[str, pl.Series]:
    """``head items``, ``tail items`` and ``cold items`` among ``items``, as Series of ids, by the ``n_likes`` (item_id, n) before the cut, each user counted once.

    - head: the smallest set of most liked items that has at least ``head_share`` of all known likes; of equally liked
      items the first by id. Cremonesi, Koren and Turrin, RecSys 2010, cut their short head the same way (at a third).
    - cold: nobody liked it before the cut.
    - tail: the rest.

    >>> n_likes = pl.DataFrame({"item_id": ["a", "b"], "n": [3, 1]})
    >>> {name: ids.to_list() for name, ids in item_slices(n_likes, pl.Series(["a", "b", "c"])).items()}
    {'head items': ['a'], 'tail items': ['b'], 'cold items': ['c']}
    """
    counted = (
        items.rename("item_id")
        .to_frame()
        .join(n_likes, on="item_id", how="left", maintain_order="left")
        .with_columns(pl.col("n").fill_null(0))
        .sort("n", "item_id", descending=[True, False])
        .with_columns(before=pl.col("n").cum_sum() - pl.col("n"))
    )
    cold = pl.col("n") == 0
    head = ~cold & (pl.col("before") < head_share * pl.col("n").sum())
    parts = {"head items": head, "tail items": ~head & ~cold, "cold items": cold}
    return _proper_parts(counted, "item_id", parts)


def kind_slices(items: pl.DataFrame, ids: pl.Series) -> dict[str, pl.Series]:
    """``kind …`` for each kind among the items ``ids``, as Series of ids; nothing where there is one kind alone, or no column ``kind``.

    >>> items = pl.DataFrame({"item_id": ["a", "b", "c"], "kind": ["game", "friend", "game"]})
    >>> {name: part.to_list() for name, part in kind_slices(items, items["item_id"]).items()}
    {'kind friend': ['b'], 'kind game': ['a', 'c']}
    """
    if "kind" not in items.columns:
        return {}
    ranked = items.filter(pl.col("item_id").is_in(ids.implode()))
    kinds = ranked["kind"].drop_nulls().unique().sort()
    parts: dict[str, pl.Expr] = {f"{KIND}{kind}": pl.col("kind") == kind for kind in kinds}
    return _proper_parts(ranked, "item_id", parts)


def user_slices(n_likes: pl.DataFrame, users: pl.Series, *, cold_history: int = COLD_HISTORY) -> dict[str, pl.Series]:
    """``cold users``, who liked at most ``cold_history`` items before the cut, and ``warm users``, who liked more, by the ``n_likes`` (user_id, n), each item counted once.

    >>> n_likes = pl.DataFrame({"user_id": ["u", "v"], "n": [1, 2]})
    >>> {name: ids.to_list() for name, ids in user_slices(n_likes, pl.Series(["u", "v", "w"]), cold_history=1).items()}
    {'cold users': ['u', 'w'], 'warm users': ['v']}
    """
    counted = (
        users.rename("user_id")
        .to_frame()
        .join(n_likes, on="user_id", how="left", maintain_order="left")
        .with_columns(pl.col("n").fill_null(0))
    )
    cold = pl.col("n") <= cold_history
    return _proper_parts(counted, "user_id", {"cold users": cold, "warm users": ~cold})


def exposure_slices(exposures: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """``exposures`` by where they were shown: a part for each of the :data:`MOST_SURFACES` most used surfaces, and for places on the page.

    Parts that are empty or everything are left out, and surfaces where the exposures have no labels.

    >>> log = pl.DataFrame({"position": [1, 2, 5], "surface": ["home", "home", "mail"]})
    >>> {name: part["position"].to_list() for name, part in exposure_slices(log).items()}
    {'surface home': [1, 2], 'surface mail': [5], 'position 1': [1], 'positions 2 to 3': [2], 'positions from 4': [5]}
    """
    parts: dict[str, pl.Expr] = {}
    if "surface" in exposures.columns:
        counts = exposures["surface"].drop_nulls().value_counts().sort("count", "surface", descending=[True, False])
        parts |= {f"{SURFACE}{name}": pl.col("surface") == name for name in counts["surface"].head(MOST_SURFACES)}
    if "position" in exposures.columns:
        for name, first, last in PLACES:
            parts[name] = pl.col("position").is_between(first, last)
    tables = {name: exposures.filter(part) for name, part in parts.items()}
    return {name: table for name, table in tables.items() if 0 < table.height < exposures.height}


def _proper_parts(counted: pl.DataFrame, key: str, parts: dict[str, pl.Expr]) -> dict[str, pl.Series]:
    ids_by_part = {name: counted.filter(part)[key].sort() for name, part in parts.items()}
    return {name: ids for name, ids in ids_by_part.items() if 0 < len(ids) < counted.height}
