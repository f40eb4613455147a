"""Lists follow the feedback log: who did something gets a new list, a new model gives everybody one, a kill loses nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from recsat.errors import ConfigError
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog
from recsat.plugins import load_plugins
from recsat.stages.model import refresh
from recsat.stages.model.live import LiveModel
from recsat.stages.model.loaded import Model
from recsat.stages.model.refresh import current_lists, refresh_lists


@pytest.fixture(scope="module")
def model(finished_run: Path) -> Model:
    return Model.load(finished_run, load_plugins(["content"]))


def like(user: str, item: str) -> FeedbackEvent:
    return FeedbackEvent(user_id=user, item_id=item, event="rating", value=5.0)


def current_list_of(folder: Path, user: str) -> list[str]:
    return current_lists(folder).filter(pl.col("user_id") == user)["item_id"].to_list()


def test_everybody_gets_a_list_first_and_then_those_who_did_something(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    with FeedbackLog(tmp_path / "log") as log:
        first = refresh_lists(model, log, folder, k=3)
        assert (first.is_new_model, first.n_users) == (True, len(model.histories))
        assert current_lists(folder).equals(model.recommend(model.histories.ids.to_list(), k=3).sort("user_id", "rank"))
        assert refresh_lists(model, log, folder, k=3) == refresh.Refreshed(0, 0, 0, is_new_model=False)
        liked = model.recommend(["2"], k=2)["item_id"].to_list()
        before = current_list_of(folder, "1")
        log.append([like("newcomer", liked[0]), like("1", before[0]), like("newcomer", liked[1])])
        second = refresh_lists(model, log, folder, k=3)
        assert (second.n_events, second.n_users, second.sequence) == (3, 2, log.last)
        lists, live = current_lists(folder), LiveModel(model, log)
        assert before[0] not in current_list_of(folder, "1")
        for user in ("newcomer", "1", "2"):
            expected = live.recommend([user], k=3)["item_id"].to_list()
            assert lists.filter(pl.col("user_id") == user)["item_id"].to_list() == expected
        assert lists["user_id"].n_unique() == len(model.histories) + 1
        assert refresh_lists(model, log, folder, k=3).n_events == 0


def test_a_kill_before_the_watermark_moved_makes_the_same_part_once_more(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lists"
    with FeedbackLog(tmp_path / "log") as log:
        refresh_lists(model, log, folder)
        log.append([like("1", model.catalogue.ids[0])])
        with monkeypatch.context() as patch:
            patch.setattr(refresh, "_advance", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                refresh_lists(model, log, folder)
        parts = {path.name: path.read_bytes() for path in folder.glob("0*.parquet")}
        assert len(parts) == 1
        assert refresh_lists(model, log, folder).n_events == 1
        assert {path.name: path.read_bytes() for path in folder.glob("0*.parquet")} == parts


def test_another_model_gives_everybody_a_list_that_knows_the_log(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    with FeedbackLog(tmp_path / "log") as log:
        refresh_lists(model, log, folder)
        log.append([like("newcomer", model.catalogue.ids[0])])
        refresh_lists(model, log, folder)
        other = replace(model, fingerprint="f" * 64)
        outcome = refresh_lists(other, log, folder)
        assert (outcome.is_new_model, outcome.n_users) == (True, len(model.histories) + 1)
        assert [path.name for path in folder.glob("*.parquet")] == [f"everybody-{'f' * 16}.parquet"]
        lists = current_lists(folder)
        assert lists.filter(pl.col("user_id") == "newcomer").equals(LiveModel(model, log).recommend(["newcomer"]))


def test_two_at_once_do_not_meet_and_a_folder_without_lists_says_so(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no lists\. Refresh them first"):
        current_lists(tmp_path)
    with (
        FeedbackLog(tmp_path / "log") as log,
        FileLock(tmp_path / "lock"),
        pytest.raises(ConfigError, match="another process"),
    ):
        refresh_lists(model, log, tmp_path)
