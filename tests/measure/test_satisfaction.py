from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from recsat.contract.domain import Judged, SatisfactionMetric
from recsat.errors import DataError, PluginError
from recsat.measure.evidence import Evidence
from recsat.measure.satisfaction import judge, measure_satisfaction, missing_needs

NOW = datetime(2024, 1, 1, tzinfo=UTC)
LISTS = pl.DataFrame(
    {"user_id": ["u", "u", "v"], "item_id": ["b", "a", "a"], "rank": [2, 1, 1], "score": [0.1, 0.9, 0.5]}
)


def events_of(*rows: tuple[str, str, str, float]) -> pl.DataFrame:
    schema = {"user_id": pl.String, "item_id": pl.String, "event": pl.String, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(timestamp=pl.lit(NOW))


@pytest.fixture
def evidence() -> Evidence:
    return Evidence(
        split="warm",
        users=pl.Series(["u", "v", "w"]),
        relevant=pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}),
        known_likes=pl.DataFrame({"user_id": ["u"], "item_id": ["c"]}),
        history=events_of(("u", "c", "play", 60.0)),
        outcomes=events_of(
            ("u", "a", "rating", 5.0),
            ("u", "b", "rating", 2.0),
            ("u", "z", "rating", 1.0),
            ("v", "b", "rating", 3.0),
            ("x", "a", "rating", 4.0),
        ),
        items=pl.DataFrame({"item_id": ["a", "b", "c", "z"]}),
    )


def metric(compute: Callable[[Judged], Any], **changes: Any) -> SatisfactionMetric:
    plain = SatisfactionMetric(name="stars", description="Stars.", unit="stars", better="higher", compute=compute)
    return replace(plain, **changes)


def stars(judged: Judged) -> pl.DataFrame:
    return judged.hits.group_by("user_id").agg(value=pl.col("value").mean())


def test_hits_are_the_outcomes_that_the_lists_held_with_their_rank(evidence: Evidence) -> None:
    judged = judge(LISTS, evidence)
    assert judged.hits.select("user_id", "item_id", "value", "rank", "score").rows() == [
        ("u", "a", 5.0, 1, 0.9),
        ("u", "b", 2.0, 2, 0.1),
    ]
    assert judged.outcomes.height == 4  # x was not served
    assert judged.users.to_list() == ["u", "v", "w"]


def test_a_metric_gives_its_values_and_users_without_one_are_left_out(evidence: Evidence) -> None:
    judged = judge(LISTS, evidence)
    assert measure_satisfaction("content.stars", metric(stars), judged).rows() == [("u", 3.5)]

    def with_null(judged: Judged) -> pl.DataFrame:
        return pl.DataFrame({"user_id": ["u", "v"], "value": [True, None]})

    assert measure_satisfaction("content.stars", metric(with_null), judged).rows() == [("u", 1.0)]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "returned NoneType, not a DataFrame"),
        (pl.LazyFrame({"user_id": ["u"], "value": [1.0]}), "collect"),
        (pl.DataFrame({"user": ["u"], "value": [1.0]}), "without user_id"),
        (pl.DataFrame({"user_id": ["u"], "value": ["1"]}), "values of type String"),
        (pl.DataFrame({"user_id": [1], "value": [1.0]}), "user_id of type Int64"),
        (pl.DataFrame({"user_id": ["u", "u"], "value": [1.0, 2.0]}), "user 'u' twice"),
        (pl.DataFrame({"user_id": ["x"], "value": [1.0]}), "user 'x', who is not judged"),
        (pl.DataFrame({"user_id": ["u"], "value": [float("nan")]}), "nan for user 'u'"),
        (pl.DataFrame({"user_id": ["u"], "value": [float("inf")]}), "inf for user 'u'"),
        (pl.DataFrame({"user_id": ["u"], "value": [5.5]}), "5.5 for user 'u'"),
        (pl.DataFrame({"user_id": ["u"], "value": [-0.1]}), "-0.1 for user 'u'"),
        (pl.DataFrame({"user_id": [None], "value": [1.0]}, schema_overrides={"user_id": pl.String}), "without user_id"),
    ],
)
def test_what_breaks_the_contract_is_refused_by_name(evidence: Evidence, returned: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message) as caught:
        measure_satisfaction("content.stars", metric(lambda _: returned, bounds=(0.0, 5.0)), judge(LISTS, evidence))
    assert "metric 'content.stars'" in str(caught.value)


def test_a_metric_that_raises_is_named_and_its_error_is_the_cause(evidence: Evidence) -> None:
    def broken(judged: Judged) -> pl.DataFrame:
        raise KeyError("watch")

    with pytest.raises(PluginError, match=r"'content.stars'.*KeyError.*broken") as caught:
        measure_satisfaction("content.stars", metric(broken), judge(LISTS, evidence))
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_metric_that_finds_fault_with_the_data_says_so_itself(evidence: Evidence) -> None:
    def strict(judged: Judged) -> pl.DataFrame:
        raise DataError("exposures: there is no column 'click'.")

    with pytest.raises(DataError, match="no column 'click'"):
        measure_satisfaction("content.stars", metric(strict), judge(LISTS, evidence))


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        (set(), None),
        ({"rating", "play"}, None),  # an event of the history counts
        ({"score"}, None),  # a column of the lists counts
        ({"purchase"}, "The data have no 'purchase' events."),
        ({"exposures", "click"}, "The data have no exposures table and no 'click' events."),
    ],
)
def test_what_the_data_lack_is_said_in_a_sentence(evidence: Evidence, needs: set[str], reason: str | None) -> None:
    assert missing_needs(metric(stars, needs=frozenset(needs)), evidence, LISTS.columns) == reason
