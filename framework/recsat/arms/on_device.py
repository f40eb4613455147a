"""Arms on an accelerator: those that score by one table, which can stand there while the arm itself stays where it is; and closed forms solved there."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable
from copy import copy
from typing import Self, TypeVar

import torch
from torch import Tensor

from recsat.contract.arm import Recommender

logger = logging.getLogger(__name__)
T = TypeVar("T")


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
        if scores_on_cpu(device):
            return self
        moved = copy(self)
        moved._moved = self.scored_by().to(device)
        return moved


def scores_on_cpu(device: torch.device) -> bool:
    """Whether scores for ``device`` are made on the CPU: Apple's has not all that they take; what is made of them is moved there."""
    return device.type in ("cpu", "mps")


def where_it_fits(device: str, work: Callable[[str], T]) -> T:
    """``work`` of ``device``; of the CPU where that has not the memory for it."""
    try:
        return work(device)
    except torch.OutOfMemoryError as error:
        if device == "cpu":
            raise
        logger.warning("solved on the CPU: %s has not the memory (%s)", device, str(error).partition(".")[0])
    return work("cpu")
