"""The stage model: what a run keeps, and what it says where it cannot keep its arm."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from kept_models import kept_model
from numpy.typing import NDArray
from torch import Tensor

from recsat import Reasons, Recommender, RecommenderSpec, RunConfig, TrainingData, UserBatch
from recsat.errors import ConfigError, SavedModelError
from recsat.lists.make import lists_of
from recsat.plugins import Plugins, load_plugins
from recsat.result.model import Result
from recsat.run.folder import new_run, open_run
from recsat.run.progress import LogProgress
from recsat.run.stage import StageContext
from recsat.stages import MODEL, PIPELINE
from recsat.stages.model.keep import keep_arm
from recsat.stages.model.loaded import Model
from recsat.stages.prepare import read_split
from recsat.stages.trial.fold import filter_context, serve_known, validation_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.request import request_of, reranker_of
from recsat.stages.trial.rerank import with_reranker


class Bare(Recommender):
    """An arm of somebody else, without state and restore."""

    def fit(self, train: TrainingData) -> Self:
        raise AssertionError("not fitted in vain")

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        raise NotImplementedError


def test_a_run_whose_arm_cannot_be_saved_goes_on_and_says_why_it_has_no_model(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(finished_run, tmp_path / "run", ignore=shutil.ignore_patterns("model*", "stages.json"))
    specs = Plugins.recommenders

    def bare(self: Plugins, domain: object) -> dict[str, RecommenderSpec]:
        return {name: replace(spec, make=lambda **_: Bare()) for name, spec in specs(self, domain).items()}  # type: ignore[arg-type]

    monkeypatch.setattr(Plugins, "recommenders", bare)
    context = StageContext.open(open_run(tmp_path / "run"), load_plugins(["content"]))
    with caplog.at_level("INFO", logger="recsat"):
        assert MODEL.work(context).n_new == 0
    arm = Result.model_validate(context.folder.read_json("evaluated.json")).splits[0].leader
    words = rf"arm '{arm}': Bare cannot be saved, for it has no state\(\) and restore\(\)\. Write both"
    assert f"no model is kept: arm '{arm}': Bare cannot be saved" in caplog.text
    assert not (tmp_path / "run" / "model").exists()
    with pytest.raises(SavedModelError, match=f"keeps no model: {words}"):
        Model.load(tmp_path / "run", load_plugins(["content"]))


def test_an_arm_that_the_run_has_not_is_refused(finished_run: Path, tmp_path: Path) -> None:
    context = StageContext.open(open_run(finished_run), load_plugins(["content"]))
    result = Result.model_validate(context.folder.read_json("evaluated.json"))
    with pytest.raises(
        ConfigError, match=r"has no arm 'eas' on split 'warm'\. It has: popularity, text, ease, text-words"
    ):
        keep_arm(context, result, "eas", tmp_path)


def test_the_arm_that_leads_on_validation_is_kept_whatever_did_best_on_the_test_part(
    finished_run: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    plugins = load_plugins(["content"])
    context = StageContext.open(open_run(tmp_path / "run"), plugins)
    result = Result.model_validate(context.folder.read_json("evaluated.json"))
    for leader in ("popularity", "text"):
        first = result.splits[0].model_copy(update={"leader": leader})
        changed = result.model_copy(update={"splits": [first, *result.splits[1:]]})
        context.folder.write_json("evaluated.json", changed.model_dump(mode="json"))
        MODEL.work(context)
        assert Model.load(tmp_path / "run", plugins).card.arm == leader


@pytest.mark.parametrize(
    ("reranker", "parameters"),
    [("value", {"then": "msd", "trade_off": 0.2}), ("budget", {"loss": 0.05}), ("calibrated", {"trade_off": 0.5})],
)
def test_a_reranker_reranks_as_it_had_learnt(
    small_run_config: RunConfig, monkeypatch: pytest.MonkeyPatch, reranker: str, parameters: dict[str, object]
) -> None:
    plugins = load_plugins(["content"])
    domain = replace(plugins.domain("content"), worth={"rating": 1.0})
    monkeypatch.setattr(Plugins, "domain", lambda self, name: domain)
    rank = small_run_config.rank.model_copy(update={"reranker": reranker, "reranker_parameters": parameters})
    measure = small_run_config.measure.model_copy(update={"curves": False})
    update = {"rank": rank, "measure": measure, "splits": small_run_config.splits[:1], "arms": ["ease"]}
    config = small_run_config.model_copy(update=update)
    folder = new_run(config)
    context = StageContext(folder, config, plugins, domain, LogProgress())
    for stage in PIPELINE:
        stage.work(context)
    inputs, known = embedded_inputs(context), context.dataset.events
    users = known["user_id"].unique().sort().to_list()
    served = serve_known(inputs, users, known, filter_context(inputs, known))
    spec = plugins.recommenders(domain)["ease"]
    prepared = with_reranker(
        inputs,
        request_of(config, domain),
        reranker_of(config, domain, plugins),
        "ease",
        spec,
        {"l2": 50.0},
        served,
        "warm",
        lambda: validation_fold(inputs, read_split(folder, "warm")),
    )
    fitted = spec.make(l2=50.0).fit(served.train)
    expected = lists_of(served, "ease", fitted, prepared.request).lists
    lists = Model.load(folder.path, plugins).recommend(users)
    assert lists.drop("title").equals(expected)
    plain = lists_of(served, "ease", fitted, request_of(config, domain)).lists
    assert not lists["item_id"].equals(plain["item_id"])


def test_two_models_of_one_run_differ_in_nothing_but_the_card(finished_run: Path, tmp_path: Path) -> None:
    plugins = load_plugins(["content"])
    one, other = (kept_model(finished_run, "ease", plugins, tmp_path / place) for place in ("one", "other"))
    sums = [dict(model.tables.files.sums) for model in (one, other)]
    for digests in sums:
        del digests["card.json"]
    assert sums[0] == sums[1]
    assert len(sums[0]) == 9
