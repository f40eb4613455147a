"""What a score loses when one item of the history is taken away: closed forms for scores that are not plain sums."""

from __future__ import annotations

import torch
from torch import Tensor

ROUNDING = 1e-6
"""What float32 makes of nothing: a smaller loss of a cosine is no reason, and a sum of a smaller share has no direction."""


def contributions_of_least_squares(
    gram: Tensor, of_history: Tensor, listed: Tensor, *, alpha: float, regularisation: float
) -> Tensor:
    r"""Loss of :math:`y_i^\top x_u` when :math:`x_u` is solved anew without history item h, (B, H, k).

    With :math:`A = Y^\top C^u Y + \lambda I`, :math:`t_h = y_h^\top A^{-1} y_h` and :math:`p_h = y_h^\top x_u` it is

    .. math:: \alpha\, y_i^\top A^{-1} y_h \cdot \frac{1 - (\alpha - 1)\, p_h / \alpha}{1 - (\alpha - 1)\, t_h}

    The first factor is h's share of the score (Hu, Koren and Volinsky, ICDM 2008, section 5); the second is what Sherman and
    Morrison's formula adds, as h leaves A too. ``gram`` is :math:`Y^\top Y` (d, d); ``of_history`` (B, H, d) are the factors of
    the histories, 0 where padded, ``listed`` (B, k, d) those of the listed items.
    """
    system = gram + regularisation * torch.eye(len(gram)) + (alpha - 1) * of_history.mT @ of_history
    solved = torch.cholesky_solve(of_history.mT, torch.linalg.cholesky(system))
    self_products = torch.einsum("bhd,bdh->bh", of_history, solved)
    predicted = torch.einsum("bhd,bd->bh", of_history, alpha * solved.sum(dim=2))
    shares = alpha * solved.mT @ listed.mT
    return shares * ((1 - (alpha - 1) / alpha * predicted) / (1 - (alpha - 1) * self_products))[:, :, None]


def contributions_of_cosine(of_history: Tensor, products: Tensor) -> Tensor:
    r"""Loss of :math:`\cos(\sum_h e_h, e_i)` when the sum is taken without history item h, (B, H, k).

    ``of_history`` is as in :func:`contributions_of_least_squares`, ``products`` (B, H, k) are its inner products with the listed items, which have unit length.
    """
    total = of_history.sum(dim=1, keepdim=True)
    length = total.norm(dim=2, keepdim=True)
    self_products = of_history.norm(dim=2, keepdim=True) ** 2
    left = length**2 - 2 * of_history @ total.mT + self_products  # ‖Σe − e_h‖², without a second (B, H, d)
    left = torch.where(left > ROUNDING * length**2, left.clamp(min=0).sqrt(), float("inf"))
    whole = products.sum(dim=1, keepdim=True)
    without = (whole - products) / left
    lost: Tensor = whole / length.clamp(min=ROUNDING) - without
    return lost
