"""Softmax loss over a sample of the catalogue, corrected for how the sample was drawn."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sampled_softmax_loss(
    states: Tensor, targets: Tensor, vectors: Tensor, log_draws: Tensor, sample: Tensor | None
) -> Tensor:
    r"""Mean cross-entropy of ``targets`` (n,) under softmax of the inner products of ``states`` (n, d) and ``vectors``.

    .. math:: \ell = -s_y + \log\Bigl(e^{s_y} + \sum_{j \in S,\, j \ne y} e^{s_j - \log(m q_j)}\Bigr)

    S are m draws with replacement from q, so the sum is an unbiased estimate of the sum over all items but y. The positive
    is not a draw and takes no correction: taking :math:`\log q_y` from it as well would ask for scores divided by
    popularity (Bengio and Senécal, 2008; Yi et al., RecSys 2019; the positive's part: Khrylchenko et al., RecSys 2025).
    ``log_draws`` is log(m q), (n_items,), -inf for items that are never drawn. ``sample`` None: every item with a finite
    entry is in the sum once, which is the full softmax over them.
    """
    positive = (states * vectors[targets]).sum(dim=1)
    if sample is None:
        negatives = torch.arange(len(vectors), device=states.device)
        others = states @ vectors.T + torch.where(torch.isfinite(log_draws), 0.0, -torch.inf)
    else:
        negatives = sample
        others = states @ vectors[sample].T - log_draws[sample]
    others = others.masked_fill(negatives == targets[:, None], float("-inf"))
    log_sum = torch.logaddexp(positive, torch.logsumexp(others, dim=1))
    return functional.relu(log_sum - positive).mean()  # relu: rounding may not make a loss negative


def popularity_draws(popularity: Tensor, power: float) -> Tensor:
    """q of :func:`sampled_softmax_loss`: popularity to a ``power``, sums to 1; items without events are never drawn.

    An unseen item that served as a negative would be taught to be disliked before anybody could like it.
    """
    weights = torch.where(popularity > 0, popularity.clamp(min=1e-12) ** power, 0.0)
    return weights / weights.sum().clamp(min=1e-12)
