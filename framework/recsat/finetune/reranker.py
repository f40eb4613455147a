"""A trained classifier as a reranker: the most probable likes of an arm's best candidates first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from recsat.errors import RunError, UnknownUser
from recsat.finetune.cross_encoder import CrossEncoder
from recsat.finetune.user_texts import describe_users
from recsat.rank.reranker import RerankInput
from recsat.run.stage import StageContext

DEPTH = 20
"""Candidates that are classified for each user: each costs a forward pass, where an encoder's candidates cost none."""


@dataclass(frozen=True)
class ClassifierReranker:
    """A :class:`~recsat.rank.reranker.Reranker`. ``item_texts`` by item index, ``user_texts`` by user id."""

    classifier: CrossEncoder
    item_texts: Sequence[str]
    user_texts: Mapping[str, str]
    depth: int = DEPTH

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        """The ``depth`` best by score (k, if that is more), by falling probability; equal ones by score."""
        if block.user_ids is None:
            raise RunError("the classifier as a reranker needs to know the users: give RerankInput.user_ids.")
        unknown = [user for user in block.user_ids if user not in self.user_texts]
        if unknown:
            raise UnknownUser(
                f"user {unknown[0]!r} has no text for the classifier. Describe every user that is served."
            )
        n = min(max(self.depth, k), block.scores.shape[1])
        best = block.scores.argsort(dim=1, descending=True, stable=True)[:, :n]
        items = block.candidates.gather(1, best).cpu().numpy()
        present = (torch.isfinite(block.scores.gather(1, best)).cpu().numpy()) & (items >= 0)
        rows, places = np.nonzero(present)
        texts = [
            (self.user_texts[block.user_ids[int(row)]], self.item_texts[int(item)])
            for row, item in zip(rows, items[rows, places], strict=True)
        ]
        likes = np.full(items.shape, -1.0)
        if texts:
            likes[rows, places] = self.classifier.probabilities(texts)
        order = np.argsort(-likes, axis=1, kind="stable")[:, :k]
        chosen = best.gather(1, torch.from_numpy(order).to(best.device))
        chosen = chosen.masked_fill(torch.from_numpy(np.take_along_axis(likes, order, axis=1) < 0).to(best.device), -1)
        return torch.nn.functional.pad(chosen, (0, k - chosen.shape[1]), value=-1)


def reranker_of(
    context: StageContext, folder: Path, events: pl.DataFrame, users: pl.Series, *, depth: int = DEPTH
) -> ClassifierReranker:
    """The classifier of ``folder`` for ``users``, told by their liked ``events`` up to now."""
    settings = context.folder.read_json("finetune/settings.json")
    classifier = CrossEncoder(folder, max_tokens=settings["max_tokens"], device=context.config.rank.device)
    told = describe_users(context, events.filter(context.domain.positive), users)
    texts = context.folder.read_table("data/texts.parquet")["text"]
    return ClassifierReranker(classifier, texts.to_list(), dict(told.iter_rows()), depth)
