"""Promotion, refusal and return over real runs; and what a kill leaves between any two steps."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from promotable_runs import promotable_run
from qdrant_wire import Fault, Wire

from recsat import ConfigError, RunError, SavedArmError, SavedModelError, StoreError
from recsat.config.settings import PromoteSettings
from recsat.embed.compress import principal
from recsat.plugins import Plugins, load_plugins
from recsat.run.folder import RunFolder
from recsat.run.retention import PIN, pin
from recsat.run.stage import StageContext
from recsat.stages.index import DIRECTIONS, publish_items, published_vectors
from recsat.stages.model.files import FOLDER, RECORD, ModelFiles
from recsat.stages.model.loaded import Model
from recsat.stages.promotion import promote as module
from recsat.stages.promotion.promote import promote, rollback
from recsat.stages.promotion.record import PromotionPlace, promoted_model
from recsat.store import ItemIndex, VectorStore, alias_of, open_store

ALWAYS = PromoteSettings(policy="always")
MakeRun = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(["content"])


@pytest.fixture
def make_run(finished_run: Path, tmp_path: Path, plugins: Plugins) -> MakeRun:
    """``make_run("monday", "ease")``: a run of ``tmp_path`` that keeps this arm."""
    return lambda name, arm, **change: promotable_run(finished_run, tmp_path, name, arm, plugins, **change)


def alias_in(home: Path, run: RunFolder) -> str | None:
    """What the alias of the index serves."""
    store = run.config().store
    with open_store(store, store.directory) as opened:
        return opened.aliases().get(alias_of(opened, "content"))


def place_in(home: Path) -> PromotionPlace:
    return PromotionPlace.of(home, "content")


def assert_settled(home: Path, run: RunFolder, server: Wire | None = None) -> None:
    """Model, alias, pin and history say the same, and nothing is under way."""
    place = place_in(home)
    served = place.promoted()
    assert served is not None
    assert served.decision.run_id == run.run_id
    assert Model.load(home).fingerprint == served.fingerprint == ModelFiles(run.path / FOLDER).fingerprint
    alias = alias_in(home, run) if server is None else server.engine.aliases()["recsat-default-content"]
    assert alias == served.decision.collection
    assert place.moving() == []
    assert place.history()[-1] == served.decision
    assert run.has(PIN)
    folders = {path.name for path in place.folder.iterdir() if path.is_dir()}
    assert folders == {one.fingerprint for one in place.decisions()} | {place.decisions()[-1].served_before} - {None}


def test_the_first_model_is_served_and_the_same_one_changes_nothing(
    make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    run = make_run("one", "ease")
    assert promoted_model(tmp_path, "content") is None
    first = promote(run, plugins)
    assert first.changed
    assert first.decision.why == "the first model; it lists as its run judged it"
    assert [one.against for one in first.decision.evidence] == ["judged lists"]
    assert_settled(tmp_path, run)
    again = promote(run, plugins)
    assert not again.changed
    assert again.decision == first.decision
    assert len(place_in(tmp_path).history()) == 1


def test_a_worse_model_is_refused_with_its_figures(make_run: MakeRun, plugins: Plugins, tmp_path: Path) -> None:
    run = make_run("one", "ease")
    promote(run, plugins)
    outcome = promote(make_run("two", "popularity"), plugins)
    assert not outcome.changed
    decision = outcome.decision
    assert decision.action == "refused"
    assert decision.collection is None
    [against_served, _] = decision.evidence
    assert (against_served.against, against_served.holds) == ("served model", False)
    assert against_served.mean_before is not None
    assert against_served.mean_now is not None
    assert against_served.mean_now < 0.95 * against_served.mean_before
    assert decision.why.startswith("ndcg@10 ")
    assert place_in(tmp_path).history()[-1] == decision
    served = promoted_model(tmp_path, "content")
    assert served is not None
    assert served.decision.run_id == "one"
    with pytest.raises(RunError, match="no earlier model is kept"):
        rollback(run.config(), plugins)


def test_an_equal_recipe_is_served_and_its_index_with_it(make_run: MakeRun, plugins: Plugins, tmp_path: Path) -> None:
    one, two = make_run("one", "ease"), make_run("two", "ease", scale=-1.0)
    promote(one, plugins)
    before = alias_in(tmp_path, one)
    outcome = promote(two, plugins)
    assert outcome.changed
    [against_served, _] = outcome.decision.evidence
    assert against_served.difference == 0
    assert against_served.reserve_low is not None
    assert alias_in(tmp_path, one) != before
    assert_settled(tmp_path, two)
    assert one.has(PIN)


def test_better_must_be_shown(make_run: MakeRun, plugins: Plugins) -> None:
    promote(make_run("one", "ease"), plugins)
    outcome = promote(make_run("two", "ease", scale=-1.0), plugins, PromoteSettings(policy="better"))
    assert outcome.decision.action == "refused"
    assert outcome.decision.why == "ndcg@10 cannot be told from the served model's: the lists of too few users differ"


def test_guards_must_hold_too(make_run: MakeRun, plugins: Plugins) -> None:
    promote(make_run("one", "ease"), plugins)
    rule = PromoteSettings(measure="hit", margin=0.9, guards={"ndcg": 0.0})
    outcome = promote(make_run("two", "popularity"), plugins, rule)
    assert [(one.measure, one.holds) for one in outcome.decision.evidence[:2]] == [("hit@10", True), ("ndcg@10", False)]
    assert outcome.decision.action == "refused"


def test_a_guard_may_be_of_diversity_and_of_what_is_better_lower(make_run: MakeRun, plugins: Plugins) -> None:
    promote(make_run("one", "text"), plugins)
    rule = PromoteSettings(margin=0.99, measure="hit", guards={"novelty": 0.0, "topic-kl": 0.0})
    outcome = promote(make_run("two", "popularity"), plugins, rule)
    rows = {one.measure: one for one in outcome.decision.evidence if one.against == "served model"}
    assert [(name, one.holds) for name, one in rows.items()][1:] == [("novelty@10", False), ("topic-kl@10", False)]
    lower = rows["topic-kl@10"]
    assert lower.difference is not None
    assert lower.reserve == pytest.approx(-lower.difference)
    assert lower.difference > 0
    assert outcome.decision.action == "refused"
    with pytest.raises(ConfigError, match=r"'novlety': runs are compared by .* Did you mean 'novelty'"):
        promote(make_run("three", "popularity"), plugins, PromoteSettings(guards={"novlety": 0.1}))


def test_a_model_with_shuffled_vectors_is_served_by_no_policy_but_always(
    make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    broken = make_run("broken", "text", shuffled=True)
    for policy in ("within-margin", "not-worse", "better"):
        outcome = promote(broken, plugins, PromoteSettings.model_validate({"policy": policy}))
        assert outcome.decision.action == "refused"
        [evidence] = outcome.decision.evidence
        assert (evidence.against, evidence.holds) == ("judged lists", False)
    assert promoted_model(tmp_path, "content") is None
    assert promote(broken, plugins, ALWAYS).changed


def shuffle_the_index(store: VectorStore, collection: str, index: ItemIndex, vectors: Mapping[str, NDArray[np.float32]]) -> None:  # fmt: skip
    """Gives every point of ``collection`` another one's vectors; count, ids and payload stay."""
    order = np.roll(np.arange(len(index)), 1)
    payload = pl.DataFrame({"kind": ["movie"] * len(index)})
    store.upsert_table(collection, index.ids, {name: one[order] for name, one in vectors.items()}, payload)
    store.build(collection)


@pytest.mark.parametrize("arm", ["ease", "text"])
def test_an_index_whose_vectors_are_other_items_is_refused_whatever_the_arm(
    arm: str, make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    run = make_run("one", arm)
    context = StageContext.open(run, plugins)
    store = run.config().store
    with open_store(store, store.directory) as opened:
        published, index = publish_items(context, opened)
        shuffle_the_index(opened, published.collection, index, published_vectors(context))
    with pytest.raises(RunError, match="its vectors are not those of the run's items"):
        promote(run, plugins, ALWAYS)
    assert promoted_model(tmp_path, "content") is None
    assert alias_in(tmp_path, run) is None


def test_an_index_of_shortened_vectors_is_asked_along_their_directions(
    make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    run = make_run("one", "text")
    config = run.read_json("config.json")
    run.write_json("config.json", {**config, "store": {**config["store"], "principal": 16}})
    vectors = run.read_arrays("vectors/items.safetensors")
    run.write_arrays(DIRECTIONS, {name: principal(one, 16).directions for name, one in vectors.items()})
    assert promote(run, plugins, PromoteSettings(policy="always", minimum_recall=0.3)).changed


def damaged(target: Path) -> None:
    content = bytearray(target.read_bytes())
    content[-1] ^= 1
    target.write_bytes(content)


@pytest.mark.parametrize("damage", ["byte", "arm", "file", "other"])
def test_a_damaged_model_is_served_by_no_policy(
    damage: str, make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    run = make_run("one", "ease")
    target = run.path / FOLDER / "histories.safetensors"
    if damage == "byte":
        damaged(target)
    elif damage == "arm":
        damaged(run.path / FOLDER / "arm/arrays.safetensors")
    elif damage == "file":
        target.unlink()
    else:
        run.write_json(RECORD, {**run.read_json(RECORD), "fingerprint": "0" * 64})
    with pytest.raises((SavedModelError, SavedArmError, RunError), match=r"damaged|has no|not the model"):
        promote(run, plugins, ALWAYS)
    assert promoted_model(tmp_path, "content") is None


def test_going_back_takes_model_and_alias(make_run: MakeRun, plugins: Plugins, tmp_path: Path) -> None:
    runs = [make_run(name, "ease", scale=scale) for name, scale in (("one", 1.0), ("two", -1.0), ("three", 2.0))]
    for run in runs:
        promote(run, plugins, ALWAYS)
    for run in (runs[1], runs[0]):
        outcome = rollback(runs[0].config(), plugins, "clicks fell")
        assert (outcome.decision.action, outcome.decision.why) == ("rolled back", "clicks fell")
        assert outcome.decision.evidence == []
        assert_settled(tmp_path, run)
    assert not runs[2].has(PIN)
    with pytest.raises(RunError, match="nothing to go back to"):
        rollback(runs[0].config(), plugins)
    assert [one.action for one in place_in(tmp_path).history()] == ["promoted"] * 3 + ["rolled back"] * 2


def test_a_damaged_model_is_not_gone_back_to_and_what_is_served_stays(
    make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    one, two = make_run("one", "ease"), make_run("two", "ease", scale=-1.0)
    promote(one, plugins, ALWAYS)
    promote(two, plugins, ALWAYS)
    copy = place_in(tmp_path).model_folder(ModelFiles(one.path / FOLDER).fingerprint)
    damaged(copy / "arm/arrays.safetensors")
    with pytest.raises(SavedArmError, match="damaged"):
        rollback(one.config(), plugins)
    assert_settled(tmp_path, two)
    assert promote(one, plugins, ALWAYS).changed  # its own folder is whole, and is copied again
    assert Model.load(tmp_path, plugins).recommend(["2"], k=3).height == 3


def test_an_index_that_was_swept_is_published_again(make_run: MakeRun, plugins: Plugins, tmp_path: Path) -> None:
    one, two = make_run("one", "ease"), make_run("two", "ease", scale=-1.0)
    collection = promote(one, plugins, ALWAYS).decision.collection
    promote(two, plugins, ALWAYS)
    store = two.config().store
    with open_store(store, store.directory) as opened:
        assert collection is not None
        opened.drop_collection(collection)
    rollback(one.config(), plugins)
    assert_settled(tmp_path, one)


def test_a_pin_of_somebody_stays_theirs(make_run: MakeRun, plugins: Plugins) -> None:
    one, two = make_run("one", "ease"), make_run("two", "ease", scale=-1.0)
    pin(two, "for the audit")
    promote(one, plugins, ALWAYS)
    promote(two, plugins, ALWAYS)
    rollback(one.config(), plugins)
    assert two.read_json(PIN)["why"] == "for the audit"


def test_a_served_model_whose_run_is_gone_is_compared_with_nothing(
    make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    promote(make_run("one", "ease"), plugins)
    (tmp_path / "runs/one").rename(tmp_path / "elsewhere")
    two = make_run("two", "ease", scale=-1.0)
    with pytest.raises(RunError, match=r"run one, whose model is served, is gone"):
        promote(two, plugins)
    assert promote(two, plugins, ALWAYS).changed


SWAP = "POST /collections/aliases"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Where promotions find the store; it sends a request three times, and waits for nothing."""
    monkeypatch.setattr("recsat.store.remote.time.sleep", lambda seconds: None)
    wire = Wire()
    monkeypatch.setattr(module, "open_store", lambda *_: wire.store(retries=2))
    yield wire
    wire.close()


def test_a_fault_of_the_server_while_the_alias_moves_leaves_model_and_alias_together(
    make_run: MakeRun, plugins: Plugins, tmp_path: Path, server: Wire
) -> None:
    served, other = make_run("one", "ease"), make_run("two", "ease", scale=-1.0)
    promote(served, plugins, ALWAYS)
    cut = httpx.ReadError("connection reset")
    for fault in (
        Fault(429, SWAP, retry_after="1"),
        Fault(503, SWAP),
        Fault(cut, SWAP),
        Fault(cut, SWAP, answered=True),  # it moved, and its answer was lost
    ):
        for n_times in (1, 3):
            server.faults = [fault] * n_times
            if n_times == 1 or fault.answered:
                assert promote(other, plugins, ALWAYS).changed
                served, other = other, served
            else:
                with pytest.raises(StoreError) as caught:
                    promote(other, plugins, ALWAYS)
                assert caught.value.transient
            assert server.faults == []
            assert_settled(tmp_path, served, server)


def test_a_server_that_is_lost_with_the_answer_leaves_a_whole_model_and_the_next_promotion_makes_it_good(
    make_run: MakeRun, plugins: Plugins, tmp_path: Path, server: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = make_run("one", "ease"), make_run("two", "ease", scale=-1.0)
    promote(one, plugins, ALWAYS)
    respond = server.respond

    def lost_with_the_answer(route: str, request: httpx.Request) -> httpx.Response:
        answer = respond(route, request)
        if route == SWAP:
            server.fail = 503  # from here on it answers nothing
            raise httpx.ReadError("connection reset")
        return answer

    monkeypatch.setattr(server, "respond", lost_with_the_answer)
    with pytest.raises(StoreError):
        promote(two, plugins, ALWAYS)
    monkeypatch.setattr(server, "respond", respond)
    assert Model.load(tmp_path, plugins).fingerprint == ModelFiles(one.path / FOLDER).fingerprint
    server.fail = None
    assert not promote(two, plugins, ALWAYS).changed  # it is served by then
    assert_settled(tmp_path, two, server)


KILLED = """
import os, signal, sys
from pathlib import Path
from recsat.config.settings import PromoteSettings
from recsat.embed.compress import principal
from recsat.plugins import load_plugins
from recsat.run import open_run
from recsat.stages.promotion import promote as module
from recsat.stages.promotion.record import PromotionPlace

run, step, when = sys.argv[1:]
owner = PromotionPlace if hasattr(PromotionPlace, step) else module
work = getattr(owner, step)

def killed(*arguments, **options):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    work(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, step, killed)
module.promote(open_run(Path(run)), load_plugins(["content"]), PromoteSettings(policy="always"))
"""


@pytest.mark.parametrize(
    ("step", "when", "goes_on"),
    [
        ("_keep_model", "after", False),
        ("begin", "after", False),
        ("_pin", "after", False),
        ("move_alias", "after", True),
        ("finish", "after", True),
        ("append", "after", True),
    ],
)
def test_a_kill_between_two_steps_is_made_good(
    step: str, when: str, goes_on: bool, make_run: MakeRun, plugins: Plugins, tmp_path: Path
) -> None:
    one, two = make_run("one", "ease"), make_run("two", "ease", scale=-1.0)
    promote(one, plugins, ALWAYS)
    child = subprocess.run([sys.executable, "-c", KILLED, str(two.path), step, when], check=False, timeout=1200)
    assert child.returncode == -signal.SIGKILL
    served = promoted_model(
        tmp_path, "content"
    )  # a reader has one of the two, whole, before anybody has put anything right
    assert served is not None
    model = Model.load(tmp_path, plugins)
    assert model.fingerprint == served.fingerprint
    assert model.recommend(["2"], k=3).height == 3
    same = promote(one, plugins, ALWAYS)  # whoever comes next, here with a model that may be served already
    assert same.changed == goes_on
    assert_settled(tmp_path, one)
    assert promote(two, plugins, ALWAYS).changed
    assert_settled(tmp_path, two)
    actions = [one.run_id for one in place_in(tmp_path).history()]
    assert actions == (["one", "two", "one", "two"] if goes_on else ["one", "two"])
