"""A trained classifier as a reranker: the most probable likes of an arm's best candidates first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from recsat.contract.reranker import CLASSIFIED, Reranker, RerankInput
from recsat.embed.provenance import PROVENANCE_FILE, model_folder, read_provenance
from recsat.embed.transformer import ACCELERATOR_BUDGET
from recsat.errors import ConfigError, RunError
from recsat.rerank.cross_encoder import BUDGET, CrossEncoder
from recsat.rerank.greedy import ByScore, Pool, pool_of


@dataclass(frozen=True)
class ClassifierReranker:
    """A :class:`~recsat.contract.reranker.TextReranker`: the score becomes P(like); the best come first, or ``then`` reranks by it.

    ``model`` is the folder of :func:`classifier_folder`. ``depth`` candidates of each user are classified (k, if that is
    more), at one forward pass each. A user without a text keeps the arm's scores.
    """

    model: Path
    depth: int = CLASSIFIED
    then: Reranker | None = None
    item_texts: Sequence[str] | None = None
    user_texts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, not {self.depth}")

    def with_texts(self, item_texts: Sequence[str], user_texts: Mapping[str, str]) -> Self:
        return replace(self, item_texts=item_texts, user_texts=user_texts)

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        """By falling probability of the ``depth`` best by score; equal ones by score."""
        pool = pool_of(block, self.depth, k)
        likely = replace(pool.block, scores=self._likes(pool))
        return pool.in_block((self.then or ByScore()).rerank(likely, k))

    def _likes(self, pool: Pool) -> Tensor:
        """P(like), or the score of a user without a text; (B, D), -inf where nothing is present."""
        if self.item_texts is None:
            raise RunError("reranker 'classifier' has not been told any texts: call with_texts first.")
        if pool.block.user_ids is None:
            raise RunError("reranker 'classifier' needs to know the users: give RerankInput.user_ids.")
        users = [self.user_texts.get(user, "") for user in pool.block.user_ids]
        present = pool.present.cpu().numpy() & np.array([text != "" for text in users])[:, None]
        rows, places = np.nonzero(present)
        scores = pool.block.scores.masked_fill(~pool.present, float("-inf"))
        if not len(rows):
            return scores
        items = pool.block.candidates.cpu().numpy()[rows, places]
        pairs = [(users[row], self.item_texts[item]) for row, item in zip(rows, items, strict=True)]
        written = (self.model / PROVENANCE_FILE).stat().st_mtime_ns
        likes = _opened(self.model, written, str(scores.device)).probabilities(pairs)
        where = torch.from_numpy(present).to(scores.device)
        # Rows and places come in the order in which a mask is filled.
        return scores.masked_scatter(where, torch.from_numpy(likes).to(scores))


def classifier_folder(path: Path) -> Path:
    """The folder of the classifier that ``path`` names: its own, or that of the run which trained it.

    Raises ConfigError where there is none.
    """
    folder = model_folder(path)
    advice = "Name a run of recsat finetune DOMAIN --classifier, or the folder finetune/classifier in it."
    if not folder.is_dir():
        raise ConfigError(f"the classifier's folder {path} does not exist. {advice}")
    if not (folder / PROVENANCE_FILE).is_file():
        raise ConfigError(
            f"{path} is no classifier: it has neither {PROVENANCE_FILE} nor finetune/classifier. {advice}"
        )
    objective = read_provenance(folder).get("settings", {}).get("objective")
    if objective != "classification":
        raise ConfigError(f"{path} is no classifier: it was trained for {objective!r}. {advice}")
    return folder


@lru_cache(maxsize=1)
def _opened(folder: Path, written: int, device: str) -> CrossEncoder:
    """Loaded once for all arms and splits; ``written`` tells one training into a folder from the next."""
    budget = BUDGET * (1 if device == "cpu" else ACCELERATOR_BUDGET)
    return CrossEncoder.load(
        folder, max_tokens=read_provenance(folder)["settings"]["max_tokens"], budget=budget, device=device
    )
