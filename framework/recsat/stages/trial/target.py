r"""The lists of an arm as a policy: with which probability it shows what a log shows.

Each place of the log shows an item of one kind, so that a user's policy there is over the :math:`L` items of that kind in the list, in their order:

.. math:: \pi(i) = (1 - \varepsilon)\, q(r_i) + \varepsilon / A

with the rank :math:`r_i` among them (:math:`q = 0` for what is not listed), :math:`A` items of the kind in the catalogue, and :math:`q` by policy: ``list``
:math:`1 / L`, ``softmax`` :math:`\propto e^{-r / T}`, ``deterministic`` 1 where r is the position that was shown. Nothing of q is shown to who has no item of the kind in the list.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from recsat.config.settings import TargetSettings
from recsat.offpolicy import deterministic, softmax_policy
from recsat.offpolicy.log import Floats

PAIR = ["user_id", "item_id"]


def probabilities_of(
    rounds: pl.DataFrame, lists: pl.DataFrame, kinds: pl.DataFrame, target: TargetSettings
) -> np.ndarray:
    """(n,): with which probability the policy of ``lists`` (user_id, item_id, rank) shows what ``rounds`` (user_id, item_id, position) show.

    ``kinds`` (item_id, kind) is the catalogue.
    """
    owner = ["user_id", "kind"]
    ordered = lists.join(kinds, on="item_id").sort(*owner, "rank")
    places = ordered.with_columns(
        list=pl.struct(owner).rank("dense").cast(pl.Int64) - 1, place=pl.int_range(pl.len()).over(owner)
    )
    sizes = places.group_by("list").len().sort("list")["len"].to_numpy()
    listed = rounds.join(places.select(*PAIR, "list", "place"), on=PAIR, how="left", maintain_order="left")
    is_listed = listed["place"].is_not_null().to_numpy()
    place, row = (listed[name].fill_null(0).to_numpy() for name in ("place", "list"))
    shares = np.zeros(rounds.height)
    if len(sizes):
        shares = np.where(is_listed, _shares(sizes, row, place, rounds["position"].to_numpy(), target), 0.0)
    if target.epsilon == 0:
        return shares
    n_of_kind = kinds.with_columns(n=pl.len().over("kind")).select("item_id", "n")
    any_item = 1 / rounds.join(n_of_kind, on="item_id", how="left", maintain_order="left")["n"]
    return np.asarray((1 - target.epsilon) * shares + target.epsilon * any_item.fill_null(0.0).to_numpy())


def _shares(
    sizes: np.ndarray, row: np.ndarray, place: np.ndarray, position: np.ndarray, target: TargetSettings
) -> Floats:
    """(n,): of the item at ``place`` of list ``row``, of which there are ``sizes``, at ``position`` (1 is first) of a page."""
    most = int(sizes.max())
    if target.policy == "deterministic":
        policy = deterministic(np.arange(most), most)
        return np.where(position <= most, policy[np.minimum(position, most) - 1, place], 0.0)
    ranks = np.arange(most)
    scores = np.where(ranks < sizes[:, None], -ranks if target.policy == "softmax" else 0.0, -np.inf)
    return np.asarray(softmax_policy(scores, target.temperature or 1.0)[row, place])
