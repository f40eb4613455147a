"""What arms and filters may know, under every protocol, and who is judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest
from town import DOMAIN, ITEMS, day, events, inputs

from recsat import CandidateFilter, Dataset, FilterContext
from recsat.config.settings import SplitSettings
from recsat.data.split import Split, split_events
from recsat.stages.trial.fold import Fold, filter_context, serve_known, some_of, validation_fold
from recsat.stages.trial.fold import test_fold as final_fold

PROTOCOLS = get_args(SplitSettings.model_fields["protocol"].annotation)
RNG = np.random.default_rng(5)
USERS = [f"u{i}" for i in range(12)]
LIKES = events(
    *((user, item, float(RNG.uniform(0, 100))) for user in USERS for item in RNG.permutation(list("abcdef"))[:5])
)


def with_rows_of_every_event(likes: pl.DataFrame) -> Dataset:
    """Every event was shown a day before, and stands among ties both with its time and without one."""
    exposures = likes.select(
        "user_id", "item_id", pl.col("timestamp") - pl.duration(days=1), position=pl.lit(1), click=pl.lit(value=True)
    )
    tie = likes.select("user_id", pl.col("item_id").alias("other_id"), "timestamp")
    back = tie.select(pl.col("other_id").alias("user_id"), pl.col("user_id").alias("other_id"), "timestamp")
    timeless = tie.with_columns(pl.lit(None, dtype=tie.schema["timestamp"]).alias("timestamp"))
    quarantine = Dataset(items=ITEMS, events=likes).quarantine
    row = {"file": "events.csv", "row": 3, "column": "value", "value": "x", "reason": "bad", "fix": "mend"}
    return Dataset(
        items=ITEMS,
        events=likes,
        exposures=exposures,
        ties=pl.concat([tie, back, timeless]),
        quarantine=pl.concat([quarantine, pl.DataFrame([row], schema=quarantine.schema)]),
    )


def test_what_users_rejected_so_far_is_known_to_arms_and_filters_and_what_they_reject_later_is_not() -> None:
    likes = events(*((user, item, at) for user in ("u", "v", "w") for at, item in enumerate("abcdef", start=1)))
    hides = events(("u", "e", 1.5), ("v", "f", 2.5), ("u", "a", 90.0)).with_columns(event=pl.lit("hide"))
    known = pl.concat([likes.filter(pl.col("timestamp") < day(4.5)), hides.filter(pl.col("timestamp") < day(50))])
    of_run = inputs(Dataset(items=ITEMS, events=pl.concat([likes, hides])))
    of_run = replace(of_run, domain=replace(DOMAIN, rejections=("hide",)))
    context = filter_context(of_run, known)
    served = serve_known(of_run, ["u", "v", "nobody"], known, context)
    pairs = [("u", "e"), ("v", "f")]
    assert sorted(context.rejected(pl.Series("user_id", ["u", "v", "w"])).rows()) == pairs
    for users in (served.users, served.train.users):
        assert users.rejections is not None
        rows, columns = users.rejections.nonzero()
        assert [(users.ids[r], of_run.catalogue.ids[c]) for r, c in zip(rows, columns, strict=True)] == pairs
    assert served.users.take(slice(1, 2)).rejections[[0], :].sum() == 1  # type: ignore[index]
    unnamed = serve_known(inputs(Dataset(items=ITEMS, events=known)), ["u"], known, context)
    assert unnamed.users.rejections is None


def contexts(split: Split, dataset: Dataset) -> Iterator[tuple[FilterContext, Fold, pl.DataFrame]]:
    """What filters were handed in validation and in the test, with the fold and the events that are not known there."""
    seen: list[FilterContext] = []

    def notes(users: pl.Series, context: FilterContext) -> pl.DataFrame:
        seen.append(context)
        return pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})

    spy = CandidateFilter(name="spy", description="", exclude=notes)
    of_run = inputs(dataset, filters={"spy": spy})
    for make, later in (
        (validation_fold, pl.concat([split.validation, split.test])),
        (final_fold, split.test),
    ):
        fold = make(of_run, split)
        yield seen[-1], fold, later


def pairs(table: pl.DataFrame | None, other: str) -> set[tuple[str, str]]:
    assert table is not None
    return set(table.select("user_id", other).iter_rows())


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arms_know_the_moment_of_a_cut_and_of_no_other_split(protocol: str) -> None:
    settings: dict[str, Any] = {"protocol": protocol, "n_last": 1, "test_share": 0.25, "validation_share": 0.25}
    split = split_events(LIKES, DOMAIN.positive, SplitSettings(**settings), seed=1)
    for _, fold, later in contexts(split, with_rows_of_every_event(LIKES)):
        assert fold.train.now == fold.users.now == fold.train.users.now
        if protocol != "timeline":
            assert fold.train.now is None
            continue
        assert fold.train.now is not None
        cut = datetime.fromtimestamp(fold.train.now, UTC)
        assert fold.known["timestamp"].max() < cut  # type: ignore[operator]
        assert cut == later["timestamp"].min()
        assert fold.train.users.first_times is not None


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("seed", [1, 2])
def test_filters_see_nothing_of_what_is_held_out(protocol: str, seed: int) -> None:
    settings: dict[str, Any] = {"protocol": protocol, "n_last": 1, "test_share": 0.25, "validation_share": 0.25}
    split = split_events(LIKES, DOMAIN.positive, SplitSettings(**settings), seed=seed)
    for context, _, later in contexts(split, with_rows_of_every_event(LIKES)):
        known = context.known
        held_out = pairs(later, "item_id")
        assert not held_out & pairs(known.events, "item_id")
        assert known.quarantine.is_empty()
        assert context.now == known.events["timestamp"].max()
        timeless = known.ties.filter(pl.col("timestamp").is_null())  # type: ignore[union-attr]
        assert not held_out & pairs(timeless, "other_id")
        if protocol == "timeline":
            for table in (known.ties, known.exposures):
                assert table.filter(pl.col("timestamp") > context.now).is_empty()  # type: ignore[union-attr]
            assert not held_out & pairs(known.ties, "other_id"), "a tie has the time of its event"
            continue
        assert not held_out & pairs(known.exposures, "item_id")
        assert not held_out & pairs(known.ties, "other_id")
        assert not {(item, user) for user, item in held_out} & pairs(known.ties, "other_id")
        for column, other in (("user_id", "user_id"), ("item_id", "other_id")):
            new = set(later[column]) - set(known.events[column])
            assert not new & set(known.ties[other])  # type: ignore[index]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_the_test_of_mixed_hides_is_no_candidate_in_validation_and_what_nobody_chose_is(protocol: str) -> None:
    settings: dict[str, Any] = {"protocol": protocol, "n_last": 1, "test_share": 0.25, "validation_share": 0.25}
    split = split_events(LIKES, DOMAIN.positive, SplitSettings(**settings), seed=1)
    nobodys = pl.DataFrame({"item_id": ["z"], "kind": ["shop"], "title": ["Zest"]})
    of_run = inputs(Dataset(items=pl.concat([ITEMS, nobodys]), events=LIKES))

    def candidates(fold: Fold) -> set[str]:
        return set(of_run.catalogue.items["item_id"].filter(pl.Series(fold.plan.items)))

    if protocol == "cold-items":
        assert candidates(validation_fold(of_run, split)) == set(split.validation["item_id"])
        return
    hidden = set(split.test["item_id"]) - set(split.train["item_id"]) - set(split.validation["item_id"])
    assert hidden or protocol != "mixed"
    assert candidates(validation_fold(of_run, split)) == set("abcdefz") - (hidden if protocol == "mixed" else set())
    assert candidates(final_fold(of_run, split)) == set("abcdefz")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arms_know_how_much_was_held_out_and_how(protocol: str) -> None:
    settings: dict[str, Any] = {"protocol": protocol, "n_last": 1, "test_share": 0.25, "validation_share": 0.3}
    split = split_events(LIKES, DOMAIN.positive, SplitSettings(**settings), seed=1)
    folds = [fold for _, fold, _ in contexts(split, with_rows_of_every_event(LIKES))]
    share = None if protocol == "last-n" else 0.25
    assert [(fold.train.protocol, fold.train.test_share) for fold in folds] == [(protocol, share)] * len(folds)
    assert len(folds) > 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_filters_do_see_what_is_known(protocol: str) -> None:
    settings: dict[str, Any] = {"protocol": protocol, "n_last": 1, "test_share": 0.25, "validation_share": 0.25}
    split = split_events(LIKES, DOMAIN.positive, SplitSettings(**settings), seed=1)
    for context, _, later in contexts(split, with_rows_of_every_event(LIKES)):
        known = pairs(context.known.events, "item_id") - pairs(later, "item_id")
        assert known
        assert known == pairs(context.known.ties, "other_id") & known
        assert known == pairs(context.known.exposures, "item_id") & known


def test_in_last_n_what_was_shown_to_a_user_after_their_own_cut_is_not_known() -> None:
    likes = events(("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("u", "d", 4), *(("v", item, 90) for item in "abcd"))
    exposures = events(("u", "e", 1.5), ("u", "f", 3.5), ("v", "e", 89)).select("user_id", "item_id", "timestamp")
    split = split_events(likes, DOMAIN.positive, SplitSettings(protocol="last-n", n_last=1), seed=0)
    dataset = Dataset(items=ITEMS, events=likes, exposures=exposures)
    [_, (context, _, _)] = list(contexts(split, dataset))
    assert pairs(context.known.exposures, "item_id") == {("u", "e"), ("v", "e")}


def test_filters_see_no_amount_of_an_exposure_for_it_may_have_come_after_the_cut() -> None:
    likes = events(("u", "a", 1), ("u", "b", 2), ("u", "c", 3), ("v", "a", 90))
    exposures = events(("u", "a", 1)).select("user_id", "item_id", "timestamp", value=pl.lit(5.0))
    split = split_events(likes, DOMAIN.positive, SplitSettings(protocol="last-n", n_last=1), seed=0)
    for context, _, _ in contexts(split, Dataset(items=ITEMS, events=likes, exposures=exposures)):
        assert context.known.exposures is not None
        assert "value" not in context.known.exposures.columns


def test_whoever_the_split_wants_to_be_new_has_no_ties_and_was_shown_nothing() -> None:
    friends = pl.DataFrame(
        [("u", "v", day(1)), ("u", "w", day(1)), ("w", "v", day(1))],
        schema={"user_id": pl.String, "other_id": pl.String, "timestamp": pl.Datetime("us", "UTC")},
        orient="row",
    )
    exposures = events(("u", "b", 1), ("w", "a", 1), ("u", "f", 1)).select("user_id", "item_id", "timestamp")
    known = events(("u", "a", 1), ("v", "b", 2))
    later = events(("w", "f", 1.5))  # w and f are new
    dataset = Dataset(items=ITEMS, events=pl.concat([known, later]), ties=friends, exposures=exposures)
    split = split_of(known.head(1), known.tail(1), later)
    [_, (context, _, _)] = list(contexts(split, dataset))
    assert pairs(context.known.ties, "other_id") == {("u", "v")}
    assert pairs(context.known.exposures, "item_id") == {("u", "b")}


def test_on_a_timeline_nothing_later_is_known_and_at_the_cut_itself_nothing_that_is_held_out() -> None:
    known, later = events(("u", "a", 1), ("v", "b", 2)), events(("u", "c", 2), ("v", "d", 3))
    exposures = events(("u", "c", 1), ("u", "c", 2), ("u", "e", 2), ("u", "f", 2.5)).select(
        "user_id", "item_id", "timestamp"
    )
    dataset = Dataset(items=ITEMS, events=pl.concat([known, later]), exposures=exposures)
    split = replace(split_of(known.head(1), known.tail(1), later), protocol="timeline")
    [_, (context, _, _)] = list(contexts(split, dataset))
    assert set(context.known.exposures.select("item_id", "timestamp").iter_rows()) == {  # type: ignore[union-attr]
        ("c", day(1)),
        ("e", day(2)),
    }


def split_of(train: pl.DataFrame, validation: pl.DataFrame, test: pl.DataFrame, **items: pl.Series) -> Split:
    return Split(name="s", protocol="random", description="", train=train, validation=validation, test=test, **items)


TRAIN, VALIDATION = events(("u", "a", 1), ("v", "b", 2)), events(("v", "c", 3))
TEST = events(("u", "d", 4), ("v", "e", 5), ("w", "f", 6))
SPLIT = split_of(TRAIN, VALIDATION, TEST)
TOWN = inputs(Dataset(items=ITEMS, events=pl.concat([TRAIN, VALIDATION, TEST])))


def test_the_test_fold_knows_training_and_validation_part_and_the_validation_fold_training_alone() -> None:
    final, validation = final_fold(TOWN, SPLIT), validation_fold(TOWN, SPLIT)
    assert final.known.equals(pl.concat([TRAIN, VALIDATION]))
    assert validation.known.equals(TRAIN)
    assert final.users.history.toarray().astype(int).tolist() == [[1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0] * 6]
    assert validation.users.history.toarray().astype(int).tolist() == [[0, 1, 0, 0, 0, 0]]
    assert final.held_out.equals(TEST)
    assert (final.users.ids, validation.users.ids) == (["u", "v", "w"], ["v"])


def test_those_without_a_history_do_not_choose() -> None:
    assert final_fold(TOWN, SPLIT).judged_with_history.tolist() == [True, True, False]


def test_pairs_that_the_filters_exclude_are_not_held_against_arms() -> None:
    again = split_of(TRAIN, VALIDATION, pl.concat([TEST, events(("u", "a", 7))]))
    fold = final_fold(TOWN, again)
    assert ("u", "a") not in pairs(fold.relevant, "item_id")
    assert pairs(fold.relevant, "item_id") == {("u", "d"), ("v", "e"), ("w", "f")}
    unfiltered = final_fold(replace(TOWN, filters={}), again)
    assert ("u", "a") in pairs(unfiltered.relevant, "item_id")


def test_whoever_is_left_without_a_relevant_item_is_served_and_not_judged() -> None:
    repeated = split_of(TRAIN, VALIDATION, pl.concat([TEST.filter(pl.col("user_id") != "u"), events(("u", "a", 7))]))
    fold = final_fold(TOWN, repeated)
    assert fold.users.ids == ["u", "v", "w"]
    assert fold.judged_with_history.tolist() == [False, True, False]


def test_what_was_not_liked_is_known_and_teaches_nothing() -> None:
    viewed = events(("u", "b", 1), event="view")
    fold = final_fold(TOWN, split_of(pl.concat([TRAIN, viewed]), VALIDATION, TEST))
    assert fold.known.height == TRAIN.height + VALIDATION.height + 1
    assert fold.train.users.history.sum() == 3
    assert not fold.plan.mask(slice(0, 1))[0, 1], "and seen hides it"


def test_where_only_unseen_items_are_ranked_the_others_are_no_candidates() -> None:
    fold = final_fold(TOWN, split_of(TRAIN, VALIDATION, TEST, test_items=pl.Series(["d", "e", "f"])))
    assert fold.plan.items.tolist() == [False, False, False, True, True, True]


def test_a_sample_of_users_is_drawn_among_those_who_count_and_by_the_seed() -> None:
    mask = np.arange(100) % 2 == 0
    sample = some_of(mask, 10, seed=3)
    assert sample.sum() == 10
    assert not (sample & ~mask).any()
    assert (some_of(mask, 10, seed=3) == sample).all()
    assert (some_of(mask, 10, seed=4) != sample).any()
    assert (some_of(mask, 1000, seed=3) == mask).all()


def test_now_is_the_last_known_event_in_every_time_zone() -> None:
    [_, (context, _, _)] = list(contexts(SPLIT, TOWN.dataset))
    assert context.now == day(3)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_tie_by_plain_user_ids_is_the_tie_of_the_events_that_name_the_person_as_an_item(protocol: str) -> None:
    """Users befriend people: events say user:v, ties say v."""
    people = [f"u{i}" for i in range(8)]
    rng = np.random.default_rng(3)
    likes = events(
        *((one, f"user:{other}", float(rng.uniform(0, 50))) for one in people for other in people if one != other)
    )
    ties = likes.select("user_id", pl.col("item_id").str.strip_prefix("user:").alias("other_id"), "timestamp")
    timeless = ties.with_columns(pl.lit(None, dtype=ties.schema["timestamp"]).alias("timestamp"))
    items = pl.DataFrame({"item_id": [f"user:{one}" for one in people], "kind": "friend", "title": people})
    dataset = Dataset(items=items, events=likes, ties=pl.concat([ties, timeless]))
    settings: dict[str, Any] = {"protocol": protocol, "n_last": 1, "test_share": 0.25, "validation_share": 0.25}
    split = split_events(likes, DOMAIN.positive, SplitSettings(**settings), seed=1)
    for context, _, later in contexts(split, dataset):
        held_out = {(user, item.removeprefix("user:")) for user, item in pairs(later, "item_id")}
        tables = [context.known.ties]
        if protocol == "timeline":
            tables = [context.known.ties.filter(pl.col("timestamp").is_null())]  # type: ignore[union-attr]
        for table in tables:
            assert not held_out & pairs(table, "other_id")
            assert not {(other, one) for one, other in held_out} & pairs(table, "other_id")


def test_one_known_date_far_after_the_others_is_not_now_for_filters() -> None:
    many = events(*(("ann", "a", day / 10) for day in range(30)))
    known = pl.concat([many, events(("ann", "b", 4000.0))])
    assert filter_context(inputs(Dataset(items=ITEMS, events=known)), known).now == many["timestamp"].max()
