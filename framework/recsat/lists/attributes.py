"""What a listed item and the history item of its reason have in common: a relation, such as the developer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.domain import Domain
from recsat.contract.interactions import Catalogue
from recsat.embed.item_attributes import shared_attributes

RARE: Final = 0.05
"""Share of the catalogue's items: what more of them have says nothing of two."""


@dataclass(frozen=True)
class CatalogueAttributes:
    """Attributes that at least two and at most :data:`RARE` of a catalogue's items have."""

    edges: pl.DataFrame
    """(place, relation, value, n): place in the catalogue, and how many items have the attribute."""

    def in_common(self, items: NDArray[np.int64], named: NDArray[np.int64]) -> pl.Series:
        """For each of ``items`` (n,) the relation of the attribute that it shares with ``named`` (n,; -1 for none) and that fewest items have; null where there is none.

        Of equals the first in the alphabet.
        """
        pairs = pl.DataFrame({"row": np.arange(len(items)), "item": items, "named": named}).filter(
            (pl.col("named") >= 0) & (pl.col("named") != pl.col("item"))
        )
        of_named = self.edges.select("relation", "value", named="place")
        both = (
            pairs.join(self.edges, left_on="item", right_on="place")
            .join(of_named, on=["named", "relation", "value"])
            .sort("row", "n", "relation", "value")
            .unique("row", keep="first", maintain_order=True)
        )
        rows = pl.DataFrame({"row": np.arange(len(items))})
        return rows.join(both.select("row", "relation"), on="row", how="left", maintain_order="left")["relation"]


def attributes_of(domain: Domain, catalogue: Catalogue, config: Any) -> CatalogueAttributes | None:
    """Those of a run; None where the domain has none."""
    if domain.item_attributes is None:
        return None
    return catalogue_attributes(domain.item_attributes(catalogue.items, config), catalogue.items["item_id"])


def catalogue_attributes(edges: pl.DataFrame, item_ids: pl.Series) -> CatalogueAttributes:
    """Of ``Domain.item_attributes`` and the catalogue's ids in their order."""
    places = item_ids.to_frame("item_id").with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))
    counted = shared_attributes(edges.join(places, on="item_id", how="semi")).with_columns(
        n=pl.len().over("relation", "value")
    )
    rare = counted.filter(pl.col("n") <= max(2, RARE * len(item_ids)))
    return CatalogueAttributes(rare.join(places, on="item_id").select("place", "relation", "value", "n"))
