"""A model that takes its candidates from its run's index lists what it lists without."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from promotable_runs import promotable_run
from torch import Tensor

from recsat import SavedModelError
from recsat.arms.text import TextSimilarity
from recsat.config.settings import PromoteSettings
from recsat.contract.interactions import UserBatch
from recsat.lists import candidates as module
from recsat.plugins import Plugins, load_plugins
from recsat.stages.model.indexed import indexed_where_large
from recsat.stages.model.loaded import Model
from recsat.stages.promotion.promote import promote


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins(["content"])


@pytest.fixture(scope="module")
def home(finished_run: Path, tmp_path_factory: pytest.TempPathFactory, plugins: Plugins) -> Path:
    """A home that serves texts."""
    place = tmp_path_factory.mktemp("home")
    run = promotable_run(finished_run, place, "texts", "text", plugins)
    assert promote(run, plugins, PromoteSettings(policy="always")).changed
    return place


@pytest.fixture
def widths(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How many candidates each call of the arm scored; None: the whole catalogue."""
    of_calls: list[int | None] = []
    score = TextSimilarity.score

    def counted(self: TextSimilarity, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        of_calls.append(None if candidates is None else candidates.shape[1])
        return score(self, users, candidates)

    monkeypatch.setattr(TextSimilarity, "score", counted)
    return of_calls


@pytest.mark.parametrize("widest", [0.0, 1.0])
def test_lists_are_those_of_the_whole_catalogue_and_only_candidates_are_scored(
    home: Path, plugins: Plugins, widths: list[int | None], monkeypatch: pytest.MonkeyPatch, widest: float
) -> None:
    monkeypatch.setattr(module, "WIDEST", widest)  # 0: the store filters; 1: what filters forbid is left out here
    model = Model.load(home, plugins)
    users = ["nobody", *model.histories.ids.to_list()]
    listed = model.catalogue.ids
    requests = [{}, {"k": 3, "exclude": listed[:40]}, {"include": listed[10:30]}]
    whole = [model.recommend(users, **request) for request in requests]  # type: ignore[arg-type]
    assert set(widths) == {None}
    widths.clear()
    with model.indexed() as fast:
        for request, lists in zip(requests, whole, strict=True):
            assert fast.recommend(users, **request).equals(lists)  # type: ignore[arg-type]
    assert None not in widths
    assert {fast.asking(model.histories.batch(users), k).n_candidates for k in (3, 100)} == {50, 300}


def test_an_arm_that_no_vector_of_the_index_ranks_scores_the_catalogue(
    finished_run: Path, tmp_path: Path, plugins: Plugins
) -> None:
    run = promotable_run(finished_run, tmp_path, "pairs", "ease", plugins)
    model = Model.load(run.path, plugins)
    with model.indexed() as same:
        assert same is model


def test_what_a_user_did_since_moves_the_candidates(home: Path, plugins: Plugins) -> None:
    model = Model.load(home, plugins)
    likes = pl.read_parquet(home / "runs" / "texts" / "data" / "events.parquet").tail(30)
    later = model.after(likes.with_columns(user_id=pl.lit("newcomer")))
    with later.indexed() as fast:
        lists = fast.recommend(["newcomer"])
        assert lists.equals(later.recommend(["newcomer"]))
    assert not lists["fallback"].all()


def test_a_model_whose_index_or_run_is_gone_says_so(
    home: Path, finished_run: Path, tmp_path: Path, plugins: Plugins
) -> None:
    run = promotable_run(finished_run, tmp_path, "unpublished", "text", plugins)
    with (
        pytest.raises(SavedModelError, match=r"is gone from .* Promote the run"),
        Model.load(run.path, plugins).indexed(),
    ):
        pass
    shutil.copytree(run.path / "model", tmp_path / "alone")
    with pytest.raises(SavedModelError, match="no run beside it"), Model.load(tmp_path / "alone", plugins).indexed():
        pass


def test_a_large_catalogue_is_asked_of_its_index_and_a_small_one_is_scored(home: Path, plugins: Plugins) -> None:
    model = Model.load(home, plugins)
    users = model.histories.ids.to_list()
    n_items = len(model.catalogue)
    with indexed_where_large(model, n_items + 1) as small:
        assert small is model
    with indexed_where_large(model, n_items) as large:
        assert (model.source, large.source) == ("catalogue", "qdrant:text")
        assert large.recommend(users).equals(model.recommend(users))


def test_who_shares_an_embedded_store_with_runs_leaves_it_to_them(home: Path, plugins: Plugins) -> None:
    model = Model.load(home, plugins)
    with indexed_where_large(model, 0, shared=True) as same:
        assert same is model


def test_an_index_that_cannot_be_had_at_once_is_done_without(
    home: Path, finished_run: Path, tmp_path: Path, plugins: Plugins, caplog: pytest.LogCaptureFixture
) -> None:
    model = Model.load(home, plugins)
    with model.indexed(), indexed_where_large(model, 0) as same:  # the store is held, and would be waited for
        assert same is model
    assert "the whole catalogue is scored, without the index" in caplog.text
    assert "waiting" not in caplog.text
    unpublished = promotable_run(finished_run, tmp_path, "unpublished", "text", plugins)
    with indexed_where_large(Model.load(unpublished.path, plugins), 0) as alone:
        assert alone.retriever is None
    assert "is gone from" in caplog.text
