"""One scale for warm and unseen items: how far down a list an unseen item begins, and how much its text counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from recsat.arms.hybrid.stack import K, ndcg_of_hits

NEVER = -1e4
"""The offset with which unseen items come after all others."""
ALWAYS = 1e3
"""And that with which they come before them; more would leave float32 too few digits to order them among themselves."""
OFFSETS = (
    *(0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0),
    *(-0.5, -1.0, -2.0, -4.0, NEVER, ALWAYS),
)
SLOPES = (1.0, 0.25, 0.5, 0.75, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
# the first of each is kept where the held-out likes show no difference


@dataclass(frozen=True)
class Merge:
    r"""An unseen item scores :math:`\text{offset} \cdot \sqrt{|H_u|} + \text{slope} \cdot \tilde s_{ui}`, in units of the spread among unseen items."""

    offset: float = OFFSETS[0]
    slope: float = SLOPES[0]


@dataclass(frozen=True)
class Heads:
    """The best warm and the best unseen items of each user: all that a list of ten can be merged from."""

    warm: Tensor
    warm_hits: Tensor
    unseen: Tensor
    unseen_hits: Tensor
    n_liked: Tensor

    def ndcg(self, merge: Merge) -> Tensor:
        merged = torch.cat([self.warm, merge.offset + merge.slope * self.unseen], dim=1)
        hits = torch.cat([self.warm_hits, self.unseen_hits], dim=1)
        top = merged.topk(min(K, merged.shape[1]), dim=1).indices
        return ndcg_of_hits(hits.gather(1, top), self.n_liked)


def heads(warm: Tensor, unseen: Tensor, is_warm: Tensor, is_unseen: Tensor, met: Tensor, liked: Tensor) -> Heads:
    """Of scores over √|H| of all items, (n_users, n_items) each; ``is_warm`` and ``is_unseen`` (n_items,) say what may be in a list."""
    best = warm.masked_fill(met | ~is_warm, float("-inf")).topk(min(K, warm.shape[1]), dim=1)
    places = is_unseen.nonzero().squeeze(1)
    of_unseen = unseen[:, places].topk(min(K, len(places)), dim=1)
    return Heads(
        best.values,
        liked.gather(1, best.indices).masked_fill(torch.isinf(best.values), 0.0),
        of_unseen.values,
        liked[:, places].gather(1, of_unseen.indices),
        liked[:, is_warm | is_unseen].sum(dim=1),
    )


def fit_merge(rounds: Sequence[Heads]) -> Merge:
    """The grid point with the best nDCG@10 of held-out likes, mean over users and rounds."""
    if not any(one.unseen.shape[1] for one in rounds):
        return Merge(NEVER)
    points = [Merge(*point) for point in product(OFFSETS, SLOPES)]
    values = [float(torch.cat([one.ndcg(point) for one in rounds]).nanmean().nan_to_num()) for point in points]
    return points[max(range(len(points)), key=values.__getitem__)]


def ndcg_of_one_scale(scores: Tensor, met: Tensor, liked: Tensor) -> Tensor:
    """nDCG@10 of each user where ``scores`` (n_users, n_items) order warm and unseen items alike; nan where nothing is to be found."""
    top = scores.float().masked_fill(met, float("-inf")).topk(min(K, scores.shape[1]), dim=1).indices
    return ndcg_of_hits(liked.gather(1, top), liked.sum(dim=1))


def is_shown_better(values: Tensor, others: Tensor, users: Tensor, n_errors: float) -> bool:
    """Whether the mean of ``values`` (n,) lies more than ``n_errors`` standard errors above that of ``others``, pair by pair; what is nan in either is left out.

    ``users`` (n,) are numbers of whose each is: those of one user, from several rounds, hang together, and count as their mean.
    """
    known = ~(values - others).isnan()
    _, number, n_rounds = torch.unique(users[known], return_inverse=True, return_counts=True)
    gains = torch.zeros(len(n_rounds)).index_add(0, number, (values - others)[known]) / n_rounds
    return len(gains) > 1 and float(gains.mean()) > n_errors * float(gains.std()) / len(gains) ** 0.5
