"""What is minimised."""

from __future__ import annotations

import torch
from torch import Tensor


def info_nce(
    anchors: Tensor, items: Tensor, is_positive: Tensor, *, temperature: float, log_chances: Tensor | None = None
) -> Tensor:
    r"""InfoNCE with in-batch negatives.

    .. math:: -\frac1B \sum_i \log \frac{\exp(a_i^\top v_i / \tau)}{\exp(a_i^\top v_i / \tau) + \sum_{j \in N_i} \exp(a_i^\top v_j / \tau)}

    ``anchors`` and ``items`` are unit-length (B, d). :math:`N_i` are the other items of the batch but those of
    ``is_positive`` (B, B): what the anchor's own user liked is no negative, and a popular item that comes twice in a batch
    is none against itself. ``log_chances`` (B,), the log of each item's chance to be drawn, is taken off its logits.
    Van den Oord, Li and Vinyals, arXiv:1807.03748; the correction: Yi et al., RecSys 2019.
    """
    logits = anchors @ items.T / temperature
    if log_chances is not None:
        logits = logits - log_chances
    own = torch.eye(len(items), dtype=torch.bool, device=items.device)
    logits = logits.masked_fill(is_positive & ~own, float("-inf"))
    return torch.nn.functional.cross_entropy(logits, torch.arange(len(items), device=items.device))
