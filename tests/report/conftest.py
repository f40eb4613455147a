"""An invented result, realistic in shape and hostile in its texts. No number in it was measured."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

import pytest

from recsat.config.settings import RunConfig
from recsat.result.model import (
    ArmInfo,
    ArmResult,
    CurvePoint,
    DataSummary,
    Difference,
    FilterCount,
    ListedItem,
    Measure,
    MeasureInfo,
    NotMeasured,
    PredictionError,
    Result,
    RetrievalResult,
    SampleUser,
    SplitSummary,
    StageCost,
    Verdict,
)

SCRIPT_TITLE = "<script>alert(1)</script> & Sons"
PARTS_OF_PREDICTIONS: list[tuple[Literal["validation", "test"], float]] = [("validation", 0.0301), ("test", 0.0457)]
LONG_TITLE = "The Incredibly Strange Creatures Who Stopped Living and Became Mixed-Up Zombies " * 12
HOSTILE_ARM = "\"><img src=x onerror=alert('arm')>"
HOSTILE_USER = "' onmouseover='alert(2)' x='"
TITLES = [
    "Heat (1995)",
    SCRIPT_TITLE,
    "Amélie (2001)",
    LONG_TITLE,
    "千と千尋の神隠し (2001)",
    "{{ 7 * 7 }} {% raw %}",
    "Reversed \u202eeltit",
    "Casino (1995)",
    "Three | Pipes | *and* _stars_ [link](x)",
    "L.A. Confidential (1997)",
    "Fargo (1996)",
    "Nul \x00 byte",
    "]]></style></title><b>bold</b>",
]
BASELINE = "popularity"
ArmShape = tuple[str, bool, float, float, float | None, float]
# name, reads language, nDCG@10 on random, on timeline, on cold items (None: not ranked there), intra-list diversity
ARMS: list[ArmShape] = [
    ("popularity", False, 0.158, 0.061, 0.112, 0.62),
    ("text-raw", True, 0.043, 0.019, 0.167, 0.31),
    ("text", True, 0.079, 0.034, 0.230, 0.38),
    ("item-knn", False, 0.236, 0.072, None, 0.55),
    ("ease", False, 0.274, 0.079, None, 0.57),
    ("ials", False, 0.251, 0.081, None, 0.59),
]
BASELINE_ILD = 0.62
SPLITS = [
    ("random", "random", "20 % of each user's events, drawn at random."),
    ("timeline", "timeline", "Everything after 14 March 2016."),
    ("cold-items", "cold-items", "20 % of items, unseen in training, ranked among themselves."),
]
# name, label, dimension, better, factor against nDCG (accuracy) or against intra-list diversity (diversity)
MEASURES: list[tuple[str, str, str, str, float]] = [
    ("ndcg@10", "nDCG@10", "accuracy", "higher", 1.0),
    ("precision@10", "Precision@10", "accuracy", "higher", 0.82),
    ("recall@10", "Recall@10", "accuracy", "higher", 0.74),
    ("map@10", "MAP@10", "accuracy", "higher", 0.48),
    ("mrr@10", "MRR@10", "accuracy", "higher", 1.52),
    ("hit@10", "Hit rate@10", "accuracy", "higher", 2.6),
    ("ild@10", "Intra-list diversity@10", "diversity", "higher", 1.0),
    ("entropy@10", "Entropy@10", "diversity", "higher", 3.4),
    ("simpson@10", "Simpson@10", "diversity", "higher", 1.3),
    ("gini@10", "Gini@10", "diversity", "lower", 1.5),
    ("novelty@10", "Novelty@10", "diversity", "higher", 9.1),
    ("coverage@10", "Catalogue coverage@10", "diversity", "higher", 0.33),
    ("popularity@10", "Mean popularity@10", "diversity", "neither", 144.0),
    ("content.stars@10", "Mean rating of hits@10", "behaviour", "higher", 6.0),
]
SLICES = [
    ("cold users", 0.6, 148),
    ("warm users", 1.1, 453),
    ("head items", 1.3, 590),
    ("tail items", 0.35, 402),
]


def make_result(
    *,
    arms: list[ArmShape] | None = None,
    n_users: int = 5,
    n_listed: int = 10,
    simulated: bool = False,
    hostile: bool = True,
) -> Result:
    """An invented result of 6 arms × 3 splits × 14 measures × 4 slices; ``hostile`` adds an arm, users and titles out to break pages."""
    dice = random.Random(7)
    chosen = list(arms or ARMS)
    if hostile:
        chosen.append((HOSTILE_ARM, True, 0.11, 0.04, 0.14, 0.44))
    config = RunConfig().model_dump(mode="json")
    config["arms"] = [arm[0] for arm in chosen]
    return Result(
        run_id="20251125-004428-invented",
        created="2025-11-25T00:44:28+00:00",
        domain="content",
        baseline=BASELINE,
        seed=42,
        data_fingerprint="9b1f0c2e7d4a5586",
        data=DataSummary(
            n_users=601,
            n_items=1955,
            n_events=48_231,
            n_quarantined=17,
            simulated=simulated,
            source="An invented result for tests; no number in it was measured. MovieLens latest-small, GroupLens, for research use.",
        ),
        splits=[
            SplitSummary(
                name=name,
                protocol=protocol,
                description=description,
                n_train=34_726,
                n_validation=3_858,
                n_test=9_647,
                n_users=601,
                n_candidate_items=391 if name == "cold-items" else 1955,
            )
            for name, protocol, description in SPLITS
        ],
        arms=[
            result
            for i, (split, _, _) in enumerate(SPLITS)
            for arm in chosen
            for result in _arm_results(dice, arm, split, arm[2:5][i], _of_baseline(chosen)[2:5][i])
        ],
        arm_infos=[
            ArmInfo(name=name, description=f"What {name} does, in a sentence.", uses_language=reads)
            for name, reads, *_ in chosen
        ],
        measures=[
            MeasureInfo(
                name=name,
                label=label,
                description=f"{label}, averaged over users.",
                dimension=dimension,
                unit="stars" if "stars" in name else "",
                better=better,
            )
            for name, label, dimension, better, _ in MEASURES
        ],
        not_measured=[
            NotMeasured(name="content.stars@10", reason="No held-out event of a list carries a rating."),
            NotMeasured(
                name="content.click_through", reason="The data have no exposures: nobody recorded what was shown."
            ),
        ],
        filters=[
            FilterCount(name=name, split=split, n_removed=removed, n_candidates=1_174_955)
            for split, _, _ in SPLITS
            for name, removed in (("seen", 38_584), ("content.language", 0))
        ],
        retrieval=[
            RetrievalResult(arm=arm, split=split, source="qdrant edge, text", candidate_recall=recall, n_candidates=500)
            for split, _, _ in SPLITS
            for arm, recall in (("text-raw", 0.994), ("text", 1.0))
        ],
        curves=_curves(hostile=hostile),
        predictions=[
            PredictionError(
                arm=arm[0],
                split="random",
                event=SCRIPT_TITLE if hostile else "purchase",
                part=part,
                n=60_100,
                rate=rate,
                predicted=0.0304,
                rmse=0.168,
                log_loss=0.1312,
                log_loss_of_rate=0.1351,
                brier=0.0283,
                calibration_error=0.0009,
            )
            for arm in chosen
            for part, rate in PARTS_OF_PREDICTIONS
        ],
        verdicts=[
            Verdict(dimension=dimension, split=split, outcome=outcome, sentence=sentence)
            for split, _, _ in SPLITS
            for dimension, outcome, sentence in (
                (
                    "accuracy",
                    "worse" if split != "cold-items" else "better",
                    "text against popularity on nDCG@10, Holm-adjusted p < 0.001.",
                ),
                ("diversity", "worse", "text against popularity on intra-list diversity@10, Holm-adjusted p < 0.001."),
                ("behaviour", "not shown", "The interval of the difference contains zero."),
                ("business", "not measured", "No event of this domain has a worth."),
            )
        ],
        sample_users=[_user(dice, i, [a[0] for a in chosen], n_listed, hostile=hostile) for i in range(n_users)],
        stages=[
            StageCost(name="prepare", seconds=1.31, peak_mib=412),
            StageCost(name="embed", seconds=41.72, peak_mib=1312.4, n_new=1902, n_cached=53),
            StageCost(name="index", seconds=0.84, peak_mib=1330, n_new=1955),
            StageCost(name="recommend", seconds=23.4, peak_mib=1612),
            StageCost(name="evaluate", seconds=8.02, peak_mib=1431),
            StageCost(name="report", seconds=0.21, peak_mib=1431),
        ],
        config=config,
        versions={"recsat": "0.1.0", "python": "3.11.11", "torch": "2.6.0+cpu", "recsat-content": "0.1.0"},
    )


def _curves(*, hostile: bool) -> list[CurvePoint]:
    """Four rerankers, swept on two splits; what is chosen keeps 99 % of the accuracy on validation and less on test."""
    points = []
    rerankers = [("mmr", 1.0), ("msd", 0.7), ("dpp", 1.3), (HOSTILE_ARM if hostile else "calibrated", 2.6)]
    for split, ndcg, ild in (("random", 0.19, 0.57), ("timeline", 0.07, 0.55)):
        for name, price in rerankers:
            swept = [(t, ndcg * (1 - price * 0.1 * t**2), ild * (1 + 0.09 * t)) for t in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6)]
            chosen = [t for t, accuracy, _ in swept if accuracy >= 0.99 * ndcg][-1]
            for t, accuracy, diversity in swept:
                points.append(("validation", t, accuracy, diversity, t == chosen, split, name))
            points.append(("test", 0.0, ndcg + 0.08, ild, chosen == 0, split, name))
            points.append(("test", chosen, (ndcg + 0.08) * 0.986, ild * (1 + 0.09 * chosen), True, split, name))
    return [
        CurvePoint(
            arm="ease",
            split=split,
            part="validation" if part == "validation" else "test",
            reranker=name,
            parameter=t,
            ndcg=accuracy,
            ild=diversity,
            chosen=chosen,
            n_users=587,
        )
        for part, t, accuracy, diversity, chosen, split, name in points
    ]


def _of_baseline(arms: list[ArmShape]) -> ArmShape:
    return next(arm for arm in arms if arm[0] == BASELINE)


def _arm_results(
    dice: random.Random,
    arm: ArmShape,
    split: str,
    accuracy: float | None,
    base: float | None,
) -> list[ArmResult]:
    name, ild = arm[0], arm[5]
    if accuracy is None or base is None:
        return []
    results = []
    for part, factor, n_users in [("all", 1.0, 601), *SLICES]:
        measures: dict[str, Measure] = {}
        differences: dict[str, Difference] = {}
        for measure, _, dimension, _, times in MEASURES:
            if measure == "content.stars@10":
                if name != "ials":
                    measures[measure] = Measure(mean=None, low=None, high=None, n_users=0)
                continue
            if measure == "novelty@10" and name == "text-raw" and split == "cold-items":
                measures[measure] = Measure(mean=None, low=None, high=None, n_users=0)
                continue
            at = (accuracy * factor if dimension == "accuracy" else ild) * times * dice.uniform(0.97, 1.03)
            half = at * dice.uniform(0.05, 0.09) * (601 / n_users) ** 0.5
            measures[measure] = Measure(mean=at, low=at - half, high=at + half, n_users=n_users)
            if name != BASELINE:
                apart = at - (base * factor if dimension == "accuracy" else BASELINE_ILD) * times
                significant = abs(apart) > 1.4 * half
                differences[measure] = Difference(
                    mean=apart,
                    low=apart - half,
                    high=apart + half,
                    p_adjusted=0.0004 if significant else 0.21,
                    significant=significant,
                    n_users=n_users,
                )
        results.append(
            ArmResult(
                name=name,
                split=split,
                slice=part,
                parameters={"l2": 400.0} if name == "ease" else {},
                measures=measures,
                differences=differences,
            )
        )
    return results


def _user(dice: random.Random, i: int, arms: list[str], n_listed: int, *, hostile: bool) -> SampleUser:
    titles = TITLES if hostile else [t for t in TITLES if "(" in t and "|" not in t]

    def item(rank: int = 0) -> ListedItem:
        reason = dice.choice(["popular now", f"because you liked {dice.choice(titles)}"])
        return ListedItem(
            item_id=str(dice.randrange(9999)),
            title=dice.choice(titles),
            rank=rank,
            score=dice.random(),
            reason=reason if rank else "",
            hit=rank > 0 and dice.random() < 0.2,
        )

    return SampleUser(
        user_id=HOSTILE_USER if hostile and i == 1 else str(41 + 13 * i),
        split=SPLITS[i % len(SPLITS)][0],
        history=[item() for _ in range(0 if i == 4 else 9 + 9 * i)],
        lists={arm: [item(rank) for rank in range(1, n_listed + 1)] for arm in arms if not (i == 2 and arm == "ease")},
    )


@pytest.fixture(scope="session")
def result() -> Result:
    """The invented, hostile result."""
    return make_result()


@pytest.fixture(scope="session")
def invent() -> Callable[..., Result]:
    """Makes invented results of other shapes."""
    return make_result
