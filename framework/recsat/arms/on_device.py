"""Arms that score by one table, which can stand on an accelerator while the arm itself stays where it is."""

from __future__ import annotations

from abc import abstractmethod
from copy import copy
from typing import Self

import torch
from torch import Tensor

from recsat.contract.arm import Recommender


class ScoredByTable(Recommender):
    """Base of an arm whose scores are made of :attr:`table`."""

    _moved: Tensor | None = None

    @abstractmethod
    def scored_by(self) -> Tensor:
        """The table on the CPU."""

    @property
    def table(self) -> Tensor:
        """:meth:`scored_by`, on the device that :meth:`to` named."""
        return self.scored_by() if self._moved is None else self._moved

    def to(self, device: torch.device) -> Self:
        if device.type == "cpu":
            return self
        moved = copy(self)
        moved._moved = self.scored_by().to(device)
        return moved
