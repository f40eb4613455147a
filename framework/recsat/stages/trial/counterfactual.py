"""What the arms of a split would have earned, from the log of what was shown after its cut: everybody's who was shown something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import numpy as np
import polars as pl

from recsat.config.settings import MeasureSettings
from recsat.contract.arm import Recommender
from recsat.data.moments import latest
from recsat.data.split import Split
from recsat.lists.make import Served, lists_of
from recsat.lists.request import Request, Retriever
from recsat.offpolicy import SNIPS, BanditLog, diagnose
from recsat.offpolicy.intervals import user_interval
from recsat.offpolicy.judged import estimate, mean_reward, value_of
from recsat.result.model import Counterfactual, CounterfactualPair, TargetPolicy
from recsat.stages.trial.fold import cut_of, filter_context, serve_known
from recsat.stages.trial.history import TIMELINE, Withheld
from recsat.stages.trial.inputs import RunInputs
from recsat.stages.trial.rerank import bind_texts
from recsat.stages.trial.target import PAIR, probabilities_of

Reward: TypeAlias = Literal["click", "value"]
CLICK: Final = "click"
MOST_USERS = 5000
"""Users whose places are judged; of more, so many are drawn."""


def counterfactual_lack(inputs: RunInputs, split: Split) -> str | None:
    """Why the log says nothing of a split's arms, in a sentence; None where it may."""
    exposures = inputs.dataset.exposures
    if exposures is None:
        return "The data have no exposures: nobody recorded what was shown."
    if split.protocol != TIMELINE:
        return f"Split {split.name} does not cut by time, and the log is judged after a cut."
    if "click" not in exposures.columns:
        return "Exposures have no column click, so it is not known what was clicked."
    after = shown_after(exposures, split)
    if not after.height:
        return f"Nothing was shown after the cut of {split.name}."
    if after["propensity"].null_count():
        return "It is not known of everything shown after the cut with which probability it was (propensity)."
    return None


def rewards_of(exposures: pl.DataFrame, split: Split) -> list[Reward]:
    """What is known of everything shown after the cut: clicks, and what it brought in where that is known of any."""
    known = "value" in exposures.columns and shown_after(exposures, split)["value"].is_not_null().any()
    return [CLICK, "value"] if known else [CLICK]


def shown_after(exposures: pl.DataFrame, split: Split) -> pl.DataFrame:
    """Everything shown after the last known event, to whomever."""
    known_until = latest(pl.concat([split.train["timestamp"], split.validation["timestamp"]]))
    return exposures.filter(pl.lit(value=True) if known_until is None else pl.col("timestamp") > known_until)


def judged_users(exposures: pl.DataFrame, split: Split, seed: int) -> pl.Series:
    """To whom something was shown after the cut: all of them, or :data:`MOST_USERS`, drawn at random."""
    users = shown_after(exposures, split)["user_id"].unique().sort()
    return users if len(users) <= MOST_USERS else users.sample(MOST_USERS, seed=seed).sort()


def without_likes(inputs: RunInputs, split: Split, served: pl.Series) -> Served | None:
    """Judged users who are not ``served``, since they liked nothing after the cut, as the test part serves: None where the log says nothing, or nobody is.

    Were they left out, the log would be conditional on its own outcome.
    """
    if counterfactual_lack(inputs, split) is not None:
        return None
    assert inputs.dataset.exposures is not None
    users = judged_users(inputs.dataset.exposures, split, inputs.seed)
    others = users.filter(~users.is_in(served.implode()))
    if not len(others):
        return None
    known = pl.concat([split.train, split.validation])
    context = filter_context(inputs, known, Withheld(split.test, split.protocol))
    return serve_known(
        inputs,
        others.to_list(),
        known,
        context,
        universe=split.test_items,
        protocol=split.protocol,
        test_share=split.test_share,
        now=cut_of(split.test),
    )


def plain_lists(
    inputs: RunInputs, served: Served, name: str, arm: Recommender, request: Request, retriever: Retriever | None
) -> pl.DataFrame:
    """(user_id, item_id, rank, arm) of the lists of ``served``, by the ``request`` of another audience."""
    reranker = None if request.reranker is None else bind_texts(request.reranker, inputs, served)
    plain = replace(request, reranker=reranker, explain=False)
    return lists_of(served, name, arm, plain, retriever=retriever).lists.select(*PAIR, "rank", "arm")


def counterfactual(
    inputs: RunInputs,
    split: Split,
    lists: pl.DataFrame,
    settings: MeasureSettings,
    pair: tuple[str, str] | None = None,
    reward: Reward = CLICK,
) -> Counterfactual:
    """Each arm's value beside that of the policies that logged, and a ``pair`` of arms against one another; ``lists`` are (user_id, item_id, rank, arm) of all
    judged users.

    How an arm shows its lists is ``settings.target`` (:mod:`recsat.stages.trial.target`); as set from the start, each place shows one of the items of the list that are of the
    shown item's kind, each as likely, as :func:`~recsat.metrics.rates.click_through_rate` has it. ``reward`` is what an exposure earns: its click, or what it brought in.
    """
    assert inputs.dataset.exposures is not None
    users = judged_users(inputs.dataset.exposures, split, inputs.seed)
    after = shown_after(inputs.dataset.exposures, split)
    rounds = after.filter(pl.col("user_id").is_in(users.implode()))
    log = BanditLog(
        reward=rounds[reward].cast(pl.Float64).fill_null(0.0).to_numpy(),
        propensity=rounds["propensity"].to_numpy(),
        user=rounds["user_id"].to_numpy(),
        propensity_model=settings.propensity_model,
    )
    kinds = inputs.catalogue.items.select("item_id", "kind")
    targets = {
        arm: probabilities_of(rounds, lists.filter(pl.col("arm") == arm), kinds, settings.target)
        for arm in lists["arm"].unique(maintain_order=True)
    }
    return Counterfactual(
        split=split.name,
        reward=reward,
        unit="" if reward == CLICK else next((inputs.domain.units[event] for event in inputs.domain.amounts), ""),
        target=TargetPolicy.model_validate(settings.target.model_dump()),
        policies=rounds["policy"].unique().sort().to_list(),
        evidence=log.evidence,
        propensity_model=settings.propensity_model,
        n=log.n,
        n_clicks=int((log.reward != 0).sum()),
        n_users=log.n_users,
        n_users_shown=after["user_id"].n_unique(),
        logging=mean_reward(log, user_interval(log, log.reward, confidence=settings.confidence)),
        arms=[value_of(arm, log, target, settings.confidence) for arm, target in targets.items()],
        pair=None if pair is None else _pair(*pair, log, targets, settings.confidence),
    )


def _pair(
    arm: str, other: str, log: BanditLog, targets: Mapping[str, np.ndarray], confidence: float
) -> CounterfactualPair:
    answers = {diagnose(log, targets[name]).answer for name in (arm, other)}
    if "refused" in answers:
        return CounterfactualPair(arm=arm, other=other, answer="refused")
    first, second = (SNIPS().contributions(log, targets[name]) for name in (arm, other))
    return CounterfactualPair(
        arm=arm,
        other=other,
        answer="limited" if "limited" in answers else "answers",
        difference=estimate(user_interval(log, first - second, confidence=confidence)),
    )
