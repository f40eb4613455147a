"""Events of the feedback log as input of a run, and where fold-in starts after it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from promotable_runs import promotable_run

from recsat import RunConfig
from recsat.config.home import at_home
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog, has_log, log_folder
from recsat.plugins import Plugins, load_plugins
from recsat.run import new_run, run_stage
from recsat.run.folder import RunFolder
from recsat.stages import PREPARE
from recsat.stages.feedback import sound_events, tables_with_feedback
from recsat.stages.model.live import following
from recsat.stages.model.loaded import Model


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(["content"])


@pytest.fixture
def config(small_run_config: RunConfig, tmp_path: Path) -> RunConfig:
    data = small_run_config.data.model_copy(update={"feedback": True})
    return at_home(small_run_config.model_copy(update={"home": str(tmp_path), "data": data}))


def event(number: int, user: str, item: str, **further: object) -> FeedbackEvent:
    fields = {"event_id": str(number), "user_id": user, "item_id": item, "event": "rating", "value": 5.0}
    return FeedbackEvent.model_validate({**fields, "timestamp": f"2020-01-01T00:00:{number:02d}Z", **further})


def prepared(config: RunConfig, plugins: Plugins) -> RunFolder:
    folder = new_run(config)
    run_stage(folder, PREPARE, plugins)
    return folder


def test_the_log_is_read_beside_the_domains_own_events(config: RunConfig, plugins: Plugins) -> None:
    without = prepared(config, plugins)
    assert without.read_json("data/summary.json")["feedback_until"] == 0
    assert not has_log(log_folder(config))
    items = without.read_table("data/items.parquet")["item_id"].head(3).to_list()
    with FeedbackLog(log_folder(config)) as log:
        log.append([event(n, "somebody-new", item) for n, item in enumerate(items)])
        log.append([event(7, "1", "no-such-item"), event(8, "1", items[0], value=None)])
    folder = prepared(config, plugins)
    summary, before = folder.read_json("data/summary.json"), without.read_json("data/summary.json")
    assert summary["feedback_until"] == 5
    assert summary["feedback"]["n_unknown_items"] == 1
    assert summary["fingerprint"] != before["fingerprint"]
    events = folder.read_table("data/events.parquet")
    assert events.filter(events["user_id"] == "somebody-new")["item_id"].to_list() == items
    off = config.model_copy(update={"data": config.data.model_copy(update={"feedback": False})})
    assert prepared(off, plugins).read_json("data/summary.json")["fingerprint"] == before["fingerprint"]


def test_events_that_are_none_of_the_domains_are_set_aside_even_where_bad_rows_stop_a_run(
    config: RunConfig, plugins: Plugins
) -> None:
    import polars as pl

    domain = plugins.domain("content")
    dataset = domain.load(domain.config.model_validate(config.domain_config))
    hour = dataset.events.with_columns(hour=pl.lit(1, dtype=pl.Int64))
    loaded = type(dataset)(items=dataset.items, events=hour)
    items = dataset.items["item_id"].head(2).to_list()
    with FeedbackLog(log_folder(config)) as log:
        log.append([event(1, "1", items[0], columns={"hour": "noon"}), event(2, "1", items[1], columns={"hour": 12})])
    result = tables_with_feedback(config, loaded)
    assert result.counts == {"n_events": 1, "n_faults": 1, "n_unknown_items": 0}
    assert result.faults.select("file", "row", "column", "value").row(0) == ("feedback", 1, "hour", "noon")
    assert result.dataset.events["hour"][-1] == 12


def test_an_event_that_a_client_writes_in_another_way_is_set_aside_and_stops_no_run(
    config: RunConfig, plugins: Plugins
) -> None:
    items = prepared(config, plugins).read_table("data/items.parquet")["item_id"].head(2).to_list()
    with FeedbackLog(log_folder(config)) as log:
        log.append([event(1, "1", items[0], event="Rating"), event(2, "1", items[1])])
    folder = prepared(config, plugins)
    assert folder.read_json("data/summary.json")["feedback"] == {"n_events": 1, "n_faults": 1, "n_unknown_items": 0}
    (row,) = [
        row for row in folder.read_table("data/quarantine.parquet").iter_rows(named=True) if row["file"] == "feedback"
    ]
    assert (row["row"], row["value"]) == (1, "Rating")
    assert row["reason"] == "is none of the domain's events, and rating is"


def test_fold_in_starts_where_the_run_stopped_reading(finished_run: Path, tmp_path: Path, plugins: Plugins) -> None:
    run = promotable_run(finished_run, tmp_path, "one", "ease", plugins)
    model = Model.load(run.path, plugins)
    with following(model) as live:
        assert live is None
    assert not has_log(log_folder(run.config()))
    items = model.catalogue.ids[:3]
    with FeedbackLog(log_folder(run.config())) as log:
        log.append([event(n, "somebody-new", item) for n, item in enumerate(items)])
    with following(model) as live:
        assert live is not None
        assert live.sequence == 3
        assert not live.at(["somebody-new"]).unknown(["somebody-new"])
    run.write_json("data/summary.json", {**run.read_json("data/summary.json"), "feedback_until": 3})
    from recsat.result.model import Result
    from recsat.run.stage import StageContext
    from recsat.stages.model.keep import keep_arm

    result = Result.model_validate(run.read_json("evaluated.json"))
    keep_arm(StageContext.open(run, plugins), result, "ease", tmp_path / "later")
    later = Model.load(tmp_path / "later", plugins)
    assert later.card.feedback_until == 3
    with following(later) as live:
        assert live is not None
        assert live.model is later


def test_feedback_that_is_to_come_or_less_than_nothing_is_set_aside_and_stops_no_run(
    config: RunConfig, plugins: Plugins
) -> None:
    items = prepared(config, plugins).read_table("data/items.parquet")["item_id"].head(2).to_list()
    with FeedbackLog(log_folder(config)) as log:
        log.append(
            [
                event(1, "1", items[0], event="play", value=-1.0),
                event(2, "1", items[1], timestamp="2090-01-01T00:00:00Z"),
                event(3, "1", items[1], event="play", value=1.0),
            ]
        )
    folder = prepared(config, plugins)
    assert folder.read_json("data/summary.json")["feedback"] == {"n_events": 1, "n_faults": 2, "n_unknown_items": 0}
    faults = folder.read_table("data/quarantine.parquet")
    assert faults.select("file", "row", "reason").rows() == [
        ("feedback", 1, "is less than nothing"),
        ("feedback", 2, "lies in the future"),
    ]


def test_ratings_off_the_domains_scale_are_set_aside_in_a_run_and_at_serving(
    config: RunConfig, plugins: Plugins
) -> None:
    items = prepared(config, plugins).read_table("data/items.parquet")["item_id"].head(3).to_list()
    with FeedbackLog(log_folder(config)) as log:
        log.append([event(1, "1", items[0], value=9.0), event(2, "1", items[1], value=5.0)])
        log.append([event(3, "1", items[2], value=0.0), event(4, "1", items[0], event="play", value=9.0)])
        feedback = log.since(0)
    folder = prepared(config, plugins)
    assert folder.read_json("data/summary.json")["feedback"] == {"n_events": 3, "n_faults": 1, "n_unknown_items": 0}
    faults = folder.read_table("data/quarantine.parquet")
    assert faults.select("row", "value", "reason").rows() == [(1, "9.0", "is not between 0 and 5")]
    schema = {name: feedback.schema[name] for name in ("user_id", "item_id", "event", "value", "timestamp")}
    for rated, left in (([10.0, 3.0], [1, 2, 3, 4]), ([-1.0, 2.0], [2, 3, 4]), ([], [2, 3, 4])):
        events, _ = sound_events(feedback, schema, ["rating", "play"], "rating", np.array(rated))
        assert events["_row"].to_list() == left


def test_what_a_run_sets_aside_is_not_folded_in(finished_run: Path, tmp_path: Path, plugins: Plugins) -> None:
    run = promotable_run(finished_run, tmp_path, "strange", "ease", plugins)
    model = Model.load(run.path, plugins)
    items = model.catalogue.ids[:4]
    with FeedbackLog(log_folder(run.config())) as log:
        log.append([event(1, "new", items[0], value=8.0), event(2, "new", items[1], event="Rating")])
        log.append([event(3, "new", items[2], event="play", value=-1.0), event(4, "new", items[3])])
    with following(model) as live:
        assert live is not None
        batch = live.at(["new"]).histories.batch(["new"])
        assert [model.catalogue.ids[i] for i in batch.history.indices] == [items[3]]
