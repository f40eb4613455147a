"""Fold-in: histories with later events are those of a run that had known them, and lists follow the feedback log."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from kept_models import kept_model

from recsat.arms.market_popularity import MarketPopularity
from recsat.arms.recency import DAY
from recsat.arms.recent_popularity import RecentPopularity
from recsat.contract.arm import Recommender
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog
from recsat.plugins import load_plugins
from recsat.run.folder import open_run
from recsat.run.stage import StageContext
from recsat.stages.model.fold_in import folded
from recsat.stages.model.histories import Histories, everybody
from recsat.stages.model.live import LiveModel
from recsat.stages.model.loaded import Model
from recsat.stages.trial.fold import filter_context, last_moment, serve_known
from recsat.stages.trial.inputs import RunInputs, embedded_inputs


@pytest.fixture(scope="module")
def inputs(finished_run: Path) -> RunInputs:
    return embedded_inputs(StageContext.open(open_run(finished_run), load_plugins(["content"])))


@pytest.fixture(scope="module")
def model(finished_run: Path) -> Model:
    return Model.load(finished_run, load_plugins(["content"]))


def known_with(inputs: RunInputs, events: pl.DataFrame) -> RunInputs:
    return replace(inputs, dataset=replace(inputs.dataset, events=events))


def in_parts(inputs: RunInputs, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events of a run cut at a moment; some users have no event before it, and some pairs come again after it."""
    events = inputs.dataset.events.sort("timestamp", "user_id", "item_id")
    cut = random.Random(seed).randrange(1, len(events))
    again = (
        events.head(cut)
        .sample(min(cut, 20), seed=seed)
        .with_columns(timestamp=pl.col("timestamp") + timedelta(days=400), value=5.0)
    )
    return events.head(cut), pl.concat([events.tail(len(events) - cut), again])


def matrices(histories: Histories) -> dict[str, object]:
    return {name: getattr(histories, name) for name in ("seen", "history", "times", "ratings")}


@pytest.mark.parametrize("seed", range(6))
def test_histories_with_later_events_are_those_of_a_run_that_had_known_them(inputs: RunInputs, seed: int) -> None:
    before, later = in_parts(inputs, seed)
    expected = everybody(known_with(inputs, pl.concat([before, later])))
    start = everybody(known_with(inputs, before))
    histories = folded(start, later, inputs.domain, inputs.catalogue)
    assert histories.ids.to_list() == expected.ids.to_list()
    for name, matrix in matrices(expected).items():
        assert (getattr(histories, name) != matrix).nnz == 0, name
        assert getattr(histories, name).nnz == matrix.nnz, name  # type: ignore[attr-defined]
    some = expected.ids.sample(5, seed=seed).to_list()
    alone = folded(start, later, inputs.domain, inputs.catalogue, [*some, "nobody"])
    assert alone.ids.to_list() == sorted(some)
    assert (alone.batch(some).history != expected.batch(some).history).nnz == 0
    assert (alone.batch(some).times != expected.batch(some).times).nnz == 0


@pytest.mark.parametrize("seed", range(4))
def test_rejections_with_later_events_are_those_of_a_run_that_had_known_them(inputs: RunInputs, seed: int) -> None:
    """Later ones add, and any other event takes one back."""
    before, later = in_parts(inputs, seed)
    third = pl.int_range(pl.len()) % 3 == seed % 3
    before, later = (
        part.with_columns(event=pl.when(third).then(pl.lit("skip")).otherwise("event")) for part in (before, later)
    )
    expected = everybody(known_with(inputs, pl.concat([before, later]))).rejections
    rejections = folded(everybody(known_with(inputs, before)), later, inputs.domain, inputs.catalogue).rejections
    assert expected is not None
    assert rejections is not None
    assert expected.nnz > 10
    assert (rejections != expected).nnz == 0
    assert rejections.nnz == expected.nnz


def test_a_rating_given_later_stands_in_the_place_of_the_earlier_one(inputs: RunInputs) -> None:
    events = inputs.dataset.events
    user, item = events.row(0)[:2]
    again = events.head(1).with_columns(value=0.5)
    histories = folded(everybody(inputs), again, inputs.domain, inputs.catalogue, [user])
    ratings = histories.batch([user]).ratings
    assert ratings is not None
    assert ratings[[0], inputs.catalogue.positions([item])].tolist() == [0.5]


def test_of_ratings_of_one_moment_that_counts_which_counts_in_a_run(inputs: RunInputs) -> None:
    events = inputs.dataset.events
    user, item = events.row(0)[:2]
    again = pl.concat([events.head(1).with_columns(value=value) for value in (4.5, 0.5)])
    again = again.with_columns(timestamp=pl.col("timestamp") + timedelta(days=400))
    place = inputs.catalogue.positions([item])
    known = everybody(known_with(inputs, pl.concat([events, again]))).batch([user]).ratings
    ratings = folded(everybody(inputs), again, inputs.domain, inputs.catalogue, [user]).batch([user]).ratings
    assert known is not None
    assert ratings is not None
    assert ratings[[0], place].tolist() == known[[0], place].tolist() == [4.5]


def one_event(inputs: RunInputs, event: str, days: int | None) -> pl.DataFrame:
    """Of the first user with an item that is new to them, so many days after all that is known; None: at no known time."""
    events = inputs.dataset.events
    user = events["user_id"][0]
    met = events.filter(pl.col("user_id") == user)["item_id"]
    item = inputs.catalogue.items.filter(~pl.col("item_id").is_in(met.implode()))["item_id"][0]
    moment = None if days is None else events["timestamp"].max() + timedelta(days=days)  # type: ignore[operator]
    time = pl.lit(moment, dtype=events.schema["timestamp"])
    return events.head(1).with_columns(item_id=pl.lit(item), event=pl.lit(event), timestamp=time, value=pl.lit(5.0))


@pytest.mark.parametrize(("rejected", "other"), [(None, 1), (1, 1), (1, None), (None, None), (2, 1), (1, 2)])
def test_a_rejection_is_taken_back_where_it_is_in_a_run(
    inputs: RunInputs, rejected: int | None, other: int | None
) -> None:
    later = pl.concat([one_event(inputs, "skip", rejected), one_event(inputs, "view", other)])
    expected = everybody(known_with(inputs, pl.concat([inputs.dataset.events, later]))).rejections
    rejections = folded(everybody(inputs), later, inputs.domain, inputs.catalogue).rejections
    assert expected is not None
    assert rejections is not None
    assert expected.nnz == (0 if (rejected, other) == (1, 2) else 1)
    assert rejections.nnz == expected.nnz
    assert (rejections != expected).nnz == 0


@pytest.mark.parametrize("days", [(None,), (None, 1), (1,)])
def test_a_like_without_a_time_leaves_times_unknown_where_it_does_in_a_run(
    inputs: RunInputs, days: tuple[int | None, ...]
) -> None:
    later = pl.concat([one_event(inputs, "rating", one) for one in days])
    expected = everybody(known_with(inputs, pl.concat([inputs.dataset.events, later]))).times
    times = folded(everybody(inputs), later, inputs.domain, inputs.catalogue).times
    assert (times is None) == (expected is None) == (days == (None,))
    assert times is None or (times != expected).nnz == 0


def test_positions_stand_for_times_that_no_event_has(inputs: RunInputs) -> None:
    unknown = pl.lit(None, dtype=inputs.dataset.events.schema["timestamp"])
    events = inputs.dataset.events.with_columns(timestamp=unknown, position=pl.int_range(pl.len(), dtype=pl.Int64))
    before, later = events.head(len(events) - 50), events.tail(50)
    expected = everybody(known_with(inputs, events)).times
    times = folded(everybody(known_with(inputs, before)), later, inputs.domain, inputs.catalogue).times
    assert expected is not None
    assert times is not None
    assert times.nnz == expected.nnz
    assert (times != expected).nnz == 0


@pytest.mark.parametrize("arm", ["text", "ease", "item-knn", "ials", "aligned", "hybrid"])
def test_lists_after_events_are_those_of_the_same_arm_with_the_longer_history(
    model: Model, inputs: RunInputs, arm: str
) -> None:
    """Whatever the arm takes from a history, a solve of iALS too, it takes from events that came after it was fitted."""
    spec = load_plugins(["content"]).recommenders(inputs.domain)[arm]
    model = replace(model, arm=spec.make().fit(replace(model.train, vectors=inputs.vectors)))
    later = inputs.dataset.events.filter(pl.col("user_id") == "2").with_columns(user_id=pl.lit("newcomer"))
    lists = model.after(later, ["newcomer"]).recommend(["newcomer"])
    known = model.recommend(["2"])
    assert lists.drop("user_id").equals(known.drop("user_id"))
    assert model.recommend(["newcomer"])["fallback"].all()


def test_popularity_moves_with_everybodys_events(inputs: RunInputs, model: Model) -> None:
    _, later = in_parts(inputs, 1)
    new = later.with_columns(user_id="new " + pl.col("user_id"))
    moved = model.after(new)
    counted = [one for one in moved.fallbacks if isinstance(one, MarketPopularity)]
    events = pl.concat([inputs.dataset.events, new])
    whole = serve_known(known_with(inputs, events), [], events, filter_context(inputs, events), now=last_moment(events))
    seconds = counted[0].seconds
    assert seconds is not None, "films have their time"
    expected = MarketPopularity(half_life=seconds / DAY).fit(whole.train)
    np.testing.assert_allclose(counted[0].share, expected.share, rtol=1e-6)
    before: list[Recommender] = [one for one in model.fallbacks if isinstance(one, MarketPopularity)]
    assert before[0] is not counted[0]
    assert model.recommend(["nobody"])["item_id"].to_list() != moved.recommend(["nobody"])["item_id"].to_list()


def reported(model: Model, user: str, items: list[str]) -> list[FeedbackEvent]:
    now = datetime(2026, 11, 26, tzinfo=UTC)
    return [
        FeedbackEvent(user_id=user, item_id=item, event="rating", value=5.0, timestamp=now + timedelta(seconds=n))
        for n, item in enumerate(items)
    ]


def test_the_next_list_knows_the_last_event(model: Model, tmp_path: Path) -> None:
    with FeedbackLog(tmp_path) as log:
        live = LiveModel(model, log)
        first = live.recommend(["newcomer", "1"])
        assert first.filter(pl.col("user_id") == "newcomer")["fallback"].all()
        liked = model.recommend(["2"])["item_id"].to_list()[:3]
        log.append(reported(model, "newcomer", liked))
        second = live.recommend(["newcomer", "1"])
        of_newcomer = second.filter(pl.col("user_id") == "newcomer")
        assert not of_newcomer["fallback"].all()
        assert set(of_newcomer["item_id"]).isdisjoint(liked)
        assert of_newcomer["reason"].str.contains("because you liked").any()
        of_others = pl.col("user_id") == "1"
        assert second.filter(of_others).equals(first.filter(of_others))
        assert live.sequence == 0
        assert live.refresh() == 3
        assert (live.sequence, live.refresh()) == (log.last, 0)
        assert live.recommend(["newcomer", "1"]).equals(second)
        assert live.model.unknown(["newcomer", "nobody"]) == ["nobody"]


def test_what_cannot_be_folded_in_is_left_aside_and_the_rest_is_not(model: Model, tmp_path: Path) -> None:
    with FeedbackLog(tmp_path) as log:
        live = LiveModel(model, log)
        log.append(reported(model, "newcomer", ["no such film"]))
        assert live.recommend(["newcomer"])["fallback"].all()
        liked = model.recommend(["2"])["item_id"].to_list()[:1]
        log.append(reported(model, "newcomer", liked))
        assert not live.recommend(["newcomer"])["fallback"].all()
        assert live.refresh() == 2


@pytest.mark.parametrize(
    ("event", "value", "reason"),
    [("rating", 8.0, "is not between 0 and 5"), ("Rating", 5.0, "is none of the domain's events, and rating is")],
)
def test_an_event_that_no_run_would_read_is_left_aside_and_said(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture, event: str, value: float, reason: str
) -> None:
    liked = model.recommend(["2"])["item_id"].to_list()[:1]
    one = reported(model, "newcomer", liked)[0].model_copy(update={"event": event, "value": value})
    with FeedbackLog(tmp_path) as log:
        log.append([one])
        assert LiveModel(model, log).recommend(["newcomer"])["fallback"].all()
    assert "event 1 of the feedback log is left aside" in caplog.text
    assert reason in caplog.text


def test_a_rating_on_the_scale_of_what_the_model_has_learnt_from_is_none_too_many(model: Model, tmp_path: Path) -> None:
    ratings = model.histories.ratings
    assert ratings is not None
    up_to_ten = replace(model, histories=replace(model.histories, ratings=ratings * 2))
    liked = model.recommend(["2"])["item_id"].to_list()[:1]
    with FeedbackLog(tmp_path) as log:
        log.append([reported(model, "newcomer", liked)[0].model_copy(update={"value": 8.0})])
        assert not LiveModel(up_to_ten, log).recommend(["newcomer"])["fallback"].all()


def test_the_moment_of_lists_is_that_of_the_last_known_event(inputs: RunInputs, model: Model, tmp_path: Path) -> None:
    last = last_moment(inputs.dataset.events)
    assert last is not None
    assert model.now == model.train.now == model.audience(["1"]).users.now == last.timestamp()
    with FeedbackLog(tmp_path) as log:
        live = LiveModel(model, log)
        reports = reported(model, "newcomer", model.catalogue.ids[:1])
        log.append(reports)
        reported_at = reports[0].timestamp.timestamp()
        assert live.at(["newcomer"]).now == reported_at
        assert live.model.now == last.timestamp()
        live.refresh()
        assert live.model.now == live.model.train.now == reported_at
    assert replace(model, histories=replace(model.histories, times=None)).now is None


def test_an_event_that_is_still_to_come_does_not_move_the_lists(inputs: RunInputs, model: Model) -> None:
    later = inputs.dataset.events.filter(pl.col("user_id") == "2").with_columns(user_id=pl.lit("newcomer"))
    to_come = pl.lit(datetime(2090, 1, 1, tzinfo=UTC)).dt.cast_time_unit("us")
    assert model.after(later.with_columns(timestamp=to_come)).now == model.now


def test_what_is_liked_now_leads_the_next_lists_of_everybody(finished_run: Path, model: Model, tmp_path: Path) -> None:
    plugins = load_plugins(["content"])
    arm = kept_model(finished_run, "ease", plugins, tmp_path / "models")
    popular = replace(arm, arm=RecentPopularity(half_life=30).fit(arm.train))
    late = popular.arm.score(popular.train.users)[0].argmin()
    item = model.catalogue.ids[int(late)]
    with FeedbackLog(tmp_path / "log") as log:
        live = LiveModel(popular, log)
        for user in ("a", "b", "c", "d"):
            log.append(reported(model, user, [item]))
        known, nobody = "1", "nobody"
        assert item not in set(live.recommend([known, nobody], k=1)["item_id"])
        live.refresh()
        lists = live.recommend([known, nobody], k=1)
    assert lists["item_id"].to_list() == [item, item]
    assert lists.filter(pl.col("user_id") == known)["reason"].to_list() == ["liked by 4 people in the last 30 days"]
