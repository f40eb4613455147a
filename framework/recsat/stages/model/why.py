"""From a user and an item to the step at which the item fell out, or came in, and to what would have to change.

Every change that an explanation names is made and looked at: the list is made once more with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.arm import ScoredInParts
from recsat.contract.domain import CandidateFilter
from recsat.contract.interactions import UserBatch
from recsat.errors import UnknownItem
from recsat.lists.filters import plan_filters
from recsat.lists.request import Request
from recsat.stages.model.explanation import Change, Explanation, Influence, Part, Removal, Step

if TYPE_CHECKING:
    from recsat.stages.model.loaded import Model


@dataclass(frozen=True)
class Standing:
    """Where an item stands for a user under some filters and a request."""

    users: UserBatch
    """The user alone."""
    permitted: Tensor
    """(n_items,) bool."""
    listed: list[int]
    """Item indices of the list, best first."""
    tier: int | None
    """Whose score places the item: 0 the arm's, else the fallback's before which so many have nothing to say; None where nobody has."""
    scores: Tensor
    """(n_items,) of that tier, -inf where an item is not permitted or placed by an earlier one."""
    n_before: int
    """Permitted items that earlier tiers place."""
    position: int

    @property
    def score(self) -> float:
        return float(self.scores[self.position])

    @property
    def place(self) -> int | None:
        """By score among the permitted items, 1 the best; the best of those with the same score. None where it is not permitted or has none."""
        if self.tier is None:
            return None
        return self.n_before + 1 + int((self.scores > self.scores[self.position]).sum())

    @property
    def ties(self) -> int:
        return 0 if self.tier is None else int((self.scores == self.scores[self.position]).sum()) - 1

    @property
    def rank(self) -> int | None:
        """In the list, 1 the best."""
        return self.listed.index(self.position) + 1 if self.position in self.listed else None

    @property
    def last_score(self) -> float | None:
        """Of the list's last item, where the same tier places it."""
        last = float(self.scores[self.listed[-1]]) if self.listed else float("-inf")
        return last if np.isfinite(last) else None


def explained(
    model: Model,
    user: str,
    item: str,
    k: int | None,
    *,
    include: Sequence[str],
    exclude: Sequence[str],
    kinds: Sequence[str],
) -> Explanation:
    """See :meth:`Model.why`."""
    filters = model.rules_of_request(include=include, exclude=exclude, kinds=kinds)
    request = replace(model.asking(model.histories.batch([user]), k), explain=False)
    try:
        [position] = model.catalogue.positions([item]).tolist()
    except UnknownItem:
        has_history = not model.histories.batch([user]).is_new[0]
        return Explanation(
            user_id=user,
            item_id=item,
            title=None,
            model=model.fingerprint,
            k=request.k,
            has_history=bool(has_history),
            step="catalogue",
        )
    standing = standing_of(model, user, position, filters, request)
    removals = [] if standing.permitted[position] else _removals(model, user, position, filters)
    step = _step(standing, removals, request)
    return Explanation(
        user_id=user,
        item_id=item,
        title=str(model.catalogue.items[model.domain.title][position]),
        model=model.fingerprint,
        k=request.k,
        has_history=not standing.users.is_new[0],
        step=step,
        rank=standing.rank,
        removals=removals,
        scorer=_scorer(model, standing),
        score=None if standing.tier is None else standing.score,
        place=standing.place,
        ties=standing.ties,
        n_permitted=int(standing.permitted.sum()),
        last_score=standing.last_score,
        n_candidates=None if request.reranker is None else request.n_candidates,
        parts=_parts(model, standing),
        because=_influence(model, standing),
        changes=list(_changes(model, user, step, standing, removals, filters, request)),
    )


def standing_of(
    model: Model, user: str, position: int, filters: Mapping[str, CandidateFilter], request: Request
) -> Standing:
    """Where the item at ``position`` of the catalogue stands for ``user``.

    Places are given by the arm to whom it serves, then by the first fallback that has a finite score, and so on: as lists are filled.
    """
    audience = model.under([user], filters)
    [steps] = model.steps(audience, request)
    permitted = steps.permitted.mask[0].cpu()
    listed = [index for index in steps.lists.items[0].tolist() if index >= 0]
    nobody = torch.full((len(permitted),), float("-inf"))
    tiers = [steps.scores[0].cpu() if bool(steps.has_history[0]) else nobody]
    tiers += [fallback.score(audience.users)[0].cpu().to(torch.float32) for fallback in model.fallbacks]
    left, n_before = permitted.clone(), 0
    for tier, scores in enumerate(tiers):
        of_tier = scores.masked_fill(~left, float("-inf"))
        if torch.isfinite(of_tier[position]):
            return Standing(audience.users, permitted, listed, tier, of_tier, n_before, position)
        n_before += int(torch.isfinite(of_tier).sum())
        left &= ~torch.isfinite(of_tier)
    return Standing(audience.users, permitted, listed, None, nobody, n_before, position)


def _removals(model: Model, user: str, position: int, filters: Mapping[str, CandidateFilter]) -> list[Removal]:
    return [
        Removal(name=name, description=rule.description)
        for name, rule in filters.items()
        if not plan_filters({name: rule}, model.catalogue, [user], model.tables.of_items).mask(slice(None))[0, position]
    ]


def _step(standing: Standing, removals: list[Removal], request: Request) -> Step:
    if removals:
        return "request" if all(removal.name.startswith("request.") for removal in removals) else "filter"
    if standing.rank is not None:
        return "listed"
    if standing.place is None:
        return "score"
    if request.reranker is None or standing.tier != 0:
        return "k"
    if standing.place > request.n_candidates:
        return "shortlist"
    return "reranker" if standing.place + standing.ties <= request.k else "k"


def _scorer(model: Model, standing: Standing) -> str | None:
    if standing.tier is None:
        return None
    return model.card.arm if standing.tier == 0 else type(model.fallbacks[standing.tier - 1]).__name__


def _parts(model: Model, standing: Standing) -> list[Part]:
    if standing.tier != 0 or not isinstance(model.arm, ScoredInParts):
        return []
    parts = model.arm.parts(standing.users, np.array([[standing.position]]))
    return [Part(name=name, value=float(part[0, 0])) for name, part in parts.items() if part[0, 0] != 0]


def _influence(model: Model, standing: Standing) -> Influence | None:
    """The history item that the arm's reason names, taken away."""
    if standing.tier != 0:
        return None
    because = int(model.arm.explain(standing.users, np.array([[standing.position]])).item[0, 0])
    if because < 0 or standing.users.lengths[0] < 2:
        return None
    scores = model.arm.score(without(standing.users, because))[0].cpu().masked_fill(~standing.permitted, float("-inf"))
    return Influence(
        item_id=model.catalogue.ids[because],
        title=str(model.catalogue.items[model.domain.title][because]),
        score=float(scores[standing.position]),
        place=1 + int((scores > scores[standing.position]).sum()),
    )


def without(users: UserBatch, item: int) -> UserBatch:
    """``users`` as if they had never liked or rated ``item``."""
    others = np.arange(users.history.shape[1]) != item

    def left(matrix: csr_array | None) -> csr_array | None:
        if matrix is None:
            return None
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        is_left = others[matrix.indices]
        parts = (matrix.data[is_left], (rows[is_left], matrix.indices[is_left]))
        return csr_array(parts, shape=matrix.shape)

    history = left(users.history)
    assert history is not None
    return replace(users, history=history, times=left(users.times), ratings=left(users.ratings))


def _changes(
    model: Model,
    user: str,
    step: Step,
    standing: Standing,
    removals: list[Removal],
    filters: Mapping[str, CandidateFilter],
    request: Request,
) -> Iterator[Change]:
    if removals:
        names = [removal.name for removal in removals]
        fewer = {name: rule for name, rule in filters.items() if name not in names}
        after = standing_of(model, user, standing.position, fewer, request)
        text = " and ".join(removal.origin for removal in removals)
        yield Change(what=f"Without {text}", place=after.place, rank=after.rank, filters=names)
    elif step == "reranker":
        after = standing_of(model, user, standing.position, filters, replace(request, reranker=None))
        yield Change(what="Without the reranker", place=after.place, rank=after.rank, without_reranker=True)
    elif step in ("k", "shortlist") and standing.place is not None:
        from recsat.stages.model.loaded import MOST_PLACES

        for k in (standing.place + standing.ties, request.n_candidates):
            if not request.k < k <= MOST_PLACES:
                continue
            longer = replace(request, k=k, n_candidates=max(request.n_candidates, k))
            after = standing_of(model, user, standing.position, filters, longer)
            if after.rank is not None:
                yield Change(what=f"With a list of {k}", place=after.place, rank=after.rank, k=k)
                return
