"""What a run says that diversity costs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsat.measure.accuracy import ndcg
from recsat.result.model import CurvePoint, Result

RERANKERS = {"mmr", "msd", "dpp", "xquad", "calibrated"}


@pytest.fixture(scope="module")
def points(finished_run: Path) -> list[CurvePoint]:
    return [
        point
        for point in Result.model_validate_json((finished_run / "result.json").read_text()).curves
        if point.split == "warm"
    ]


def test_every_reranker_has_a_curve_that_starts_at_the_arm_s_own_order(points: list[CurvePoint]) -> None:
    validation = [point for point in points if point.part == "validation"]
    assert {point.reranker for point in validation} == RERANKERS | {"budget"}
    plain = {(point.ndcg, point.ild) for point in validation if point.parameter == 0}
    assert len(plain) == 1
    assert len(validation) > 5 * len(RERANKERS)


def test_the_chosen_point_is_the_most_diverse_that_keeps_its_accuracy(points: list[CurvePoint]) -> None:
    for reranker in RERANKERS:
        curve = [point for point in points if (point.part, point.reranker) == ("validation", reranker)]
        plain = next(point for point in curve if point.parameter == 0)
        (chosen_point,) = [point for point in curve if point.chosen]
        assert chosen_point.ndcg >= 0.99 * plain.ndcg
        assert all(point.ild <= chosen_point.ild for point in curve if point.ndcg >= 0.99 * plain.ndcg)


def test_a_budget_is_chosen_by_what_it_was_asked_to_spend_and_not_by_hits(points: list[CurvePoint]) -> None:
    curve = [point for point in points if (point.part, point.reranker) == ("validation", "budget")]
    parameters = [point.parameter for point in curve]
    (trade_off,) = [point.parameter for point in curve if point.chosen]
    assert parameters == sorted(parameters)
    assert parameters[0] == 0 < trade_off < parameters[-1]
    diversities = [point.ild for point in curve]
    assert diversities[-1] > diversities[parameters.index(trade_off)] > diversities[0]


def test_the_test_part_has_the_plain_order_and_what_validation_chose(points: list[CurvePoint]) -> None:
    for reranker in RERANKERS | {"budget"}:
        (trade_off,) = [p.parameter for p in points if p.reranker == reranker and p.part == "validation" and p.chosen]
        on_test = {p.parameter: p.chosen for p in points if p.reranker == reranker and p.part == "test"}
        assert on_test == {0.0: trade_off == 0, trade_off: True}


def test_the_plain_point_on_test_is_what_the_lists_of_the_arm_give(
    points: list[CurvePoint], finished_run: Path
) -> None:
    plain = next(point for point in points if point.part == "test" and point.parameter == 0)
    lists = pl.read_parquet(finished_run / "lists" / "warm.parquet").filter(pl.col("arm") == plain.arm)
    relevant = pl.read_parquet(finished_run / "splits" / "warm" / "test.parquet").filter(pl.col("value") >= 4)
    known = pl.concat(
        pl.read_parquet(finished_run / "splits" / "warm" / f"{part}.parquet").filter(pl.col("value") >= 4)
        for part in ("train", "validation")
    )
    users = relevant["user_id"].unique().sort()
    users = users.filter(users.is_in(known["user_id"].unique().implode()))
    assert plain.ndcg == pytest.approx(ndcg(lists, relevant, users, k=10)["value"].mean())
