"""A model of a run makes the lists that its arm makes when it is fitted again on everything known."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from kept_models import fitted_lists, kept_folder, kept_model

import recsat
from recsat.config.settings import RunConfig
from recsat.embed.digest import sha256_of
from recsat.errors import ConfigError, SavedArmError, SavedModelError, UnknownItem
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog
from recsat.plugins import Plugins, load_plugins
from recsat.result.model import Result
from recsat.run import execute
from recsat.stages import EMBED, EVALUATE, INDEX, PREPARE, RECOMMEND
from recsat.stages.model.files import open_model
from recsat.stages.model.live import LiveModel
from recsat.stages.model.loaded import Model

COLUMNS = ["user_id", "item_id", "rank", "score", "arm", "reason", "fallback"]


@pytest.fixture(scope="module")
def model(finished_run: Path) -> Model:
    return Model.load(finished_run, load_plugins(["content"]))


@pytest.mark.parametrize("arm", ["popularity", "text", "ease", "text-words"])
def test_lists_are_those_of_the_arm_fitted_on_everything_known(finished_run: Path, tmp_path: Path, arm: str) -> None:
    plugins = load_plugins(["content"])
    users = ["nobody", *pl.read_parquet(finished_run / "data" / "events.parquet")["user_id"].unique().sort(), "new"]
    lists = kept_model(finished_run, arm, plugins, tmp_path).recommend(users)
    assert lists.select(COLUMNS).equals(fitted_lists(finished_run, arm, plugins, users))


@pytest.fixture(scope="module")
def reading_run(small_run_config: RunConfig) -> Path:
    """A run with an arm that reads texts of users."""
    update = {"arms": ["text-user", "popularity"], "splits": small_run_config.splits[:1], "parameters": {}}
    stages = (PREPARE, EMBED, INDEX, RECOMMEND, EVALUATE)
    return execute(small_run_config.model_copy(update=update), load_plugins(["content"]), stages=stages)


def test_a_model_that_reads_texts_of_users_serves_without_the_encoder(
    reading_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = load_plugins(["content"])
    users = ["nobody", *pl.read_parquet(reading_run / "data" / "events.parquet")["user_id"].unique().sort()]
    expected = fitted_lists(reading_run, "text-user", plugins, users)
    folder = kept_folder(reading_run, "text-user", plugins, tmp_path)
    monkeypatch.setattr(Plugins, "encoder", lambda *_: pytest.fail("nothing is encoded when a model serves"))
    model = Model.load(folder, plugins)
    lists = model.recommend(users)
    assert lists.select(COLUMNS).equals(expected)
    assert set(lists.filter(~pl.col("fallback"))["user_id"]) == set(users[1:])

    user, best = lists.row(10)[:2]
    now = datetime(2026, 11, 26, tzinfo=UTC)
    with FeedbackLog(tmp_path / "log") as log:
        log.append(
            [
                FeedbackEvent(user_id=who, item_id=best, event="rating", value=5.0, timestamp=now)
                for who in (user, "nobody")
            ]
        )
        live = LiveModel(model, log)
        assert "arm text-user reads texts of users, which were encoded when it was fitted" in caplog.text
        later = live.recommend([user, "nobody"])
    mine = pl.col("user_id") == user
    assert best not in later.filter(mine)["item_id"]
    assert later.filter(mine)["item_id"][:9].to_list() == lists.filter(mine)["item_id"][1:].to_list()
    assert later.filter(~mine)["fallback"].all()


def test_a_model_whose_arm_does_not_read_users_has_none_of_their_texts(reading_run: Path, tmp_path: Path) -> None:
    model = kept_model(reading_run, "popularity", load_plugins(["content"]), tmp_path)
    assert model.histories.texts is None
    assert "text-user" in model.card.config["arms"]


def test_a_run_keeps_the_arm_that_leads_on_its_first_split(finished_run: Path, model: Model) -> None:
    result = Result.model_validate_json((finished_run / "result.json").read_text())
    card = model.card
    assert (card.arm, card.split) == (result.splits[0].leader, "warm")
    assert card.measures == {
        arm.split: arm.measures for arm in result.arms if (arm.name, arm.slice) == (card.arm, "all")
    }
    assert card.measures["warm"]["ndcg@10"].low is not None
    assert (card.data_fingerprint, card.run_id) == (result.data_fingerprint, finished_run.name)
    assert model.fingerprint == open_model(finished_run).fingerprint
    assert recsat.Model is Model
    assert [cost.name for cost in result.stages][-1] == "model"


def test_a_list_alone_is_the_list_among_many(model: Model) -> None:
    alone = model.recommend(["2"])
    assert model.recommend(["1", "2", "2", "3"]).filter(pl.col("user_id") == "2").equals(alone)


def test_a_request_narrows_what_may_be_shown(model: Model) -> None:
    listed = model.recommend(["1"], k=10)["item_id"].to_list()
    assert model.recommend(["1"], k=10, exclude=listed[:2])["item_id"].to_list()[:8] == listed[2:]
    assert model.recommend(["1"], include=listed[3:5])["item_id"].to_list() == listed[3:5]
    assert model.recommend(["1"], kinds=["movie"], k=3)["item_id"].to_list() == listed[:3]
    assert model.recommend([]).is_empty()


def test_wrong_requests_are_refused(model: Model) -> None:
    with pytest.raises(UnknownItem, match="'zzz' is not in the catalogue"):
        model.recommend(["1"], exclude=["zzz"])
    with pytest.raises(UnknownItem, match="of kind 'track'"):
        model.recommend(["1"], kinds=["track"])
    for k in (0, 1001):
        with pytest.raises(ConfigError, match=f"from 1 to 1000, not {k}"):
            model.recommend(["1"], k=k)


def test_who_is_not_known_is_named_and_gets_the_fallback(model: Model) -> None:
    assert model.unknown(["1", "nobody", "2"]) == ["nobody"]
    lists = model.recommend(["nobody"])
    assert lists["fallback"].all()
    counted = r"liked by (one person|\d+ people) in the last \d+ days; nothing is known of your taste yet"
    assert lists["reason"].str.contains(f"^{counted}$").all()


def test_steps_say_how_a_list_came_about(model: Model) -> None:
    audience = model.audience(["1"], exclude=["1"])
    [steps] = model.steps(audience, model.asking(audience.users))
    lists = model.recommend(["1"], exclude=["1"])
    places = model.catalogue.positions(lists["item_id"])
    assert steps.lists.items.tolist() == [places.tolist()]
    assert steps.scores[0, places].tolist() == lists["score"].to_list()
    seen = model.catalogue.positions(model.histories.seen_pairs(pl.Series(["1"]), model.catalogue)["item_id"])
    assert not steps.permitted.mask[0, seen].any()
    assert int((~steps.permitted.mask).sum()) == len(set(seen.tolist()) | {int(model.catalogue.positions(["1"])[0])})


def test_another_history_makes_another_list_and_what_was_seen_is_not_shown(model: Model) -> None:
    """What a fold-in of new events builds on."""
    one, other = model.histories.rows(["1", "2"])
    histories = model.histories
    order = [*range(len(histories) + 1)]
    order[one], order[other] = other, one
    swapped = replace(histories, history=histories.history[order], seen=histories.seen[order], times=None)
    lists = replace(model, histories=swapped).recommend(["1"])
    assert lists["item_id"].to_list() == model.recommend(["2"])["item_id"].to_list()


def test_training_data_are_those_that_the_arm_was_fitted_on(finished_run: Path, model: Model) -> None:
    events = pl.read_parquet(finished_run / "data" / "events.parquet").filter(pl.col("value") >= 4)
    likes = events.select("user_id", "item_id").unique()
    assert model.train.users.ids == likes["user_id"].unique().sort().to_list()
    assert model.train.popularity.sum() == likes.height
    raters = model.train.raters
    assert raters is not None
    assert raters.ratings is not None
    assert (
        raters.ratings.nnz
        == pl.read_parquet(finished_run / "data" / "events.parquet").select("user_id", "item_id").n_unique()
    )


@pytest.mark.parametrize(
    "name",
    ["card.json", "items.parquet", "users.parquet", "histories.safetensors", "filters.parquet", "vectors.safetensors"],
)
def test_a_damaged_file_is_refused(finished_run: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(finished_run / "model", tmp_path / "model")
    content = bytearray((tmp_path / "model" / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model" / name).write_bytes(content)
    with pytest.raises(SavedModelError, match=f"damaged: {name} is not what SHA256SUMS says"):
        Model.load(tmp_path, load_plugins(["content"]))
    (tmp_path / "model" / name).unlink()
    with pytest.raises(SavedModelError, match=f"has no {name}"):
        Model.load(tmp_path, load_plugins(["content"]))


def test_an_arm_of_another_model_is_refused(finished_run: Path, tmp_path: Path) -> None:
    plugins = load_plugins(["content"])
    text, ease = (kept_folder(finished_run, arm, plugins, tmp_path) for arm in ("text", "ease"))
    shutil.rmtree(text / "arm")
    shutil.copytree(ease / "arm", text / "arm")
    with pytest.raises(SavedModelError, match="damaged: arm/SHA256SUMS"):
        Model.load(text, plugins)
    (ease / "arm" / "arrays.safetensors").write_bytes(b"")
    with pytest.raises(SavedArmError, match="damaged"):
        Model.load(ease, plugins)


def test_a_run_without_a_model_says_what_to_do(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    (tmp_path / "run" / "model.json").unlink()
    with pytest.raises(SavedModelError, match=rf"has no model: .* recsat run --resume {tmp_path / 'run'}"):
        Model.load(tmp_path / "run", load_plugins(["content"]))
    with pytest.raises(SavedModelError, match="neither a run nor a model folder"):
        Model.load(tmp_path, load_plugins(["content"]))


def test_loading_and_recommending_write_nothing(finished_run: Path) -> None:
    def state() -> list[tuple[str, int]]:
        return sorted((str(path), path.stat().st_mtime_ns) for path in finished_run.parent.parent.rglob("*"))

    before = state()
    Model.load(finished_run, load_plugins(["content"])).recommend(["1", "nobody"])
    assert state() == before


def test_settings_of_another_version_are_refused(finished_run: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_run / "model", tmp_path / "model")
    card, sums = tmp_path / "model" / "card.json", tmp_path / "model" / "SHA256SUMS"
    before = sha256_of(card)
    content = json.loads(card.read_text())
    card.write_text(json.dumps(content | {"config": content["config"] | {"of_tomorrow": 1}}))
    sums.write_text(sums.read_text().replace(before, sha256_of(card)))
    with pytest.raises(SavedModelError, match="its settings are not those of this version of recsat"):
        Model.load(tmp_path, load_plugins(["content"]))


def test_a_list_needs_neither_store_nor_encoder(finished_run: Path) -> None:
    code = (
        "import sys, recsat; print('torch' in sys.modules); recsat.Model.load(sys.argv[1]).recommend(['1', 'nobody']); "
        "print([name for name in ('qdrant_client', 'qdrant_edge', 'transformers', 'sklearn', 'implicit', 'prefect') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(finished_run)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "[]"]


def test_several_threads_load_and_ask_at_once(finished_run: Path) -> None:
    plugins = load_plugins(["content"])
    expected = Model.load(finished_run, plugins).recommend(["1", "2"], k=5)
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: Model.load(finished_run, plugins).recommend(["1", "2"], k=5), range(8))
        assert all(answer.equals(expected) for answer in answers)
