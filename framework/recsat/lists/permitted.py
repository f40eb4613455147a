"""What the filters leave to a block of users, on the device."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.lists.filters import FilterPlan


@dataclass(frozen=True)
class Permitted:
    """:meth:`~recsat.lists.filters.FilterPlan.mask` of B users as its few exceptions, which are applied to scores without a pass over all of them."""

    items: Tensor
    """Bool (n_items,): False where the item is removed for everybody."""
    excluded: tuple[Tensor, Tensor]
    """Users and items of the pairs that must not be shown, int64 (n_pairs,) each."""
    allowed: Tensor | None
    """Bool (B, n_items): what alone may be shown; None where no filter says so."""
    n_users: int

    @classmethod
    def of(cls, plan: FilterPlan, rows: slice, device: torch.device) -> Self:
        is_whole = rows.indices(plan.excluded.shape[0]) == (0, plan.excluded.shape[0], 1)
        excluded = plan.excluded if is_whole else plan.excluded[rows]
        users = np.repeat(np.arange(excluded.shape[0]), np.diff(excluded.indptr))[excluded.data]
        items = excluded.indices[excluded.data].astype(np.int64)
        return cls(
            torch.from_numpy(plan.items).to(device),
            (torch.from_numpy(users).to(device), torch.from_numpy(items).to(device)),
            None if plan.allowed is None else torch.from_numpy(plan.allowed[rows].toarray()).to(device),
            excluded.shape[0],
        )

    def take(self, rows: NDArray[np.int64]) -> Permitted:
        """That of the users at ``rows``."""
        nobody = torch.empty(0, dtype=torch.int64, device=self.device)
        of_rows = self.mask[torch.from_numpy(rows).to(self.device)]
        return Permitted(torch.ones_like(self.items), (nobody, nobody), of_rows, len(rows))

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_users, len(self.items)

    @property
    def device(self) -> torch.device:
        return self.items.device

    @cached_property
    def mask(self) -> Tensor:
        """Bool (B, n_items)."""
        mask = self.items.repeat(self.n_users, 1)
        mask[self.excluded] = False
        return mask if self.allowed is None else mask.logical_and_(self.allowed)

    def leave_in(self, scores: Tensor) -> Tensor:
        """``scores`` (B, n_items), -inf where nothing is permitted; changed in place."""
        if not self.items.all():
            scores.masked_fill_(~self.items, -torch.inf)
        scores[self.excluded] = -torch.inf
        return scores if self.allowed is None else scores.masked_fill_(~self.allowed, -torch.inf)
