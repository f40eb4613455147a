"""How an engine keeps vectors: whole or as small numbers beside, in memory or on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Quantisation = Literal["none", "int8"]


@dataclass(frozen=True)
class Layout:
    """Of collections that a store makes; those that are there keep theirs."""

    quantisation: Quantisation = "none"
    on_disk: bool = False
    oversampling: float = 2.0
    """With int8, so many times as many hits are taken by the small numbers as are asked for, and ordered by the whole ones: recall .992 at 100,000 vectors with twice. How one searches, and no part
    of the name."""

    @property
    def name(self) -> str:
        """In the content name of a collection, so that another layout is another collection; empty for the default."""
        return " ".join(["int8"] * (self.quantisation == "int8") + ["on-disk"] * self.on_disk)
