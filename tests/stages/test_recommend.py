"""What the stage recommend writes of a split."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from recsat import ConfigError, RunConfig
from recsat.arms.popularity import Popularity
from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData
from recsat.data.split import Split
from recsat.lists.filters import FilterPlan
from recsat.lists.make import lists_of
from recsat.measure.accuracy import ndcg
from recsat.plugins import load_plugins
from recsat.result.leading import may_lead
from recsat.run import LogProgress, RunFolder, StageContext
from recsat.stages.embed import LEGIBILITY_FILE
from recsat.stages.index import opened_retriever
from recsat.stages.prepare import read_split
from recsat.stages.recommend import SplitTrial, able_arms, arms_of, fixed_parameters, legible_arms, refuse_no_candidates
from recsat.stages.split_lists import read_split_lists
from recsat.stages.trial.fold import test_fold as final_fold
from recsat.stages.trial.fold import validation_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.request import request_of

NO_EVENTS = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})


def test_it_writes_the_fold_that_it_used(finished_run: Path) -> None:
    folder = RunFolder(finished_run)
    context = StageContext.open(folder, load_plugins(["content"]))
    fold = final_fold(embedded_inputs(context), read_split(folder, "warm"))
    record, tables = read_split_lists(folder, "warm")
    assert tables.users.to_list() == fold.users.ids
    assert tables.relevant.sort("user_id", "item_id").equals(fold.relevant.sort("user_id", "item_id"))
    assert (record.removed, record.n_pairs) == (fold.plan.removed, fold.plan.n_candidates)
    assert list(record.arms) == ["popularity", "text", "ease", "text-words"]
    assert record.arms["ease"].parameters == {"l2": 50.0}


def test_validation_is_judged_with_what_was_known_before_it(finished_run: Path) -> None:
    """Popularity by hand: fitted on the training part, the seen left out, over users with a history."""
    folder = RunFolder(finished_run)
    context = StageContext.open(folder, load_plugins(["content"]))
    fold = validation_fold(embedded_inputs(context), read_split(folder, "warm"))
    liked = fold.known.filter(context.domain.positive)
    counts = liked.select("user_id", "item_id").unique().group_by("item_id").agg(n=pl.len())
    assert counts["n"].max() < liked["user_id"].n_unique()
    users = fold.users.id_series.filter(pl.Series(fold.judged_with_history))
    record, _ = read_split_lists(folder, "warm")
    candidates = users.to_frame().join(counts, how="cross").join(fold.known, on=["user_id", "item_id"], how="anti")
    lists = candidates.sort("n", descending=True).group_by("user_id", maintain_order=True).head(10)
    lists = lists.with_columns(rank=pl.int_range(1, pl.len() + 1).over("user_id"))
    expected = ndcg(lists, fold.relevant, users, k=10)["value"].mean()
    assert isinstance(expected, float)
    # Items that are equally popular are drawn in another order here.
    assert record.arms["popularity"].validation_ndcg == pytest.approx(expected, abs=0.03)


def test_only_arms_that_order_unseen_items_are_tried_where_only_these_are_ranked() -> None:
    plugins = load_plugins(["content"])
    arms = plugins.recommenders(plugins.domain("content"))
    able = able_arms(arms, "cold-items")
    assert "ease" not in able
    assert {"popularity", "text", "hybrid"} <= set(able)
    assert able_arms(arms, "mixed") == arms


@pytest.mark.parametrize(
    ("baseline", "protocol", "first"),
    [
        ("auto", "timeline", "popularity-recent"),
        ("auto", "last-n", "popularity"),
        ("auto", "random", "popularity"),
        ("popularity", "timeline", "popularity"),
        ("ease", "timeline", "ease"),
    ],
)
def test_the_baseline_comes_first_that_of_a_timeline_knows_the_time(baseline: str, protocol: str, first: str) -> None:
    plugins = load_plugins(["content"])
    config = RunConfig.model_validate({"arms": ["popularity", "ease"], "measure": {"baseline": baseline}})
    context = StageContext(RunFolder(Path()), config, plugins, plugins.domain("content"), LogProgress())
    nothing = pl.DataFrame()
    split = Split(name="s", protocol=protocol, description="", train=nothing, validation=nothing, test=nothing)
    assert list(arms_of(context, split)) == list(dict.fromkeys([first, "popularity", "ease"]))
    assert config.measure.on(protocol).baseline == first


def test_every_text_arm_is_judged_with_words_as_well_and_what_a_run_fixes_of_it_holds_for_both() -> None:
    plugins = load_plugins(["content"])
    config = RunConfig.model_validate(
        {"arms": ["popularity", "ease", "aligned"], "parameters": {"aligned": {"l2": 3.0}, "ease": {"l2": 50.0}}}
    )
    context = StageContext(RunFolder(Path()), config, plugins, plugins.domain("content"), LogProgress())
    everywhere = Split(
        name="s", protocol="random", description="", train=NO_EVENTS, validation=NO_EVENTS, test=NO_EVENTS
    )
    arms = arms_of(context, everywhere)
    assert list(arms) == ["popularity", "ease", "aligned", "aligned-words"]
    assert fixed_parameters(context, "aligned-words", arms["aligned-words"]) == {"l2": 3.0}
    assert fixed_parameters(context, "ease", arms["ease"]) == {"l2": 50.0}
    of_control = config.model_copy(update={"parameters": {**config.parameters, "aligned-words": {"l2": 9.0}}})
    assert fixed_parameters(replace(context, config=of_control), "aligned-words", arms["aligned-words"]) == {"l2": 9.0}
    without = config.model_copy(update={"measure": config.measure.model_copy(update={"controls": []})})
    assert list(arms_of(replace(context, config=without), everywhere)) == ["popularity", "ease", "aligned"]


def test_controls_that_are_there_to_fail_never_lead() -> None:
    plugins = load_plugins(["content"])
    arms = plugins.recommenders(plugins.domain("content"))
    assert may_lead(arms["text"].control)
    assert may_lead(arms["text-words"].control)
    assert not may_lead(arms["text-permuted"].control)
    assert not may_lead(arms["hybrid-masked"].control)


@pytest.mark.parametrize("draw", [1, 2, 5])
def test_every_draw_has_lists_of_arms_that_have_not_seen_its_items(finished_run: Path, draw: int) -> None:
    """Popularity knows nothing of them, so that its lists are chance; text is what it is by hand."""
    folder = RunFolder(finished_run)
    context = StageContext.open(folder, load_plugins(["content"]))
    split = read_split(folder, "cold", draw)
    record, tables = read_split_lists(folder, "cold", draw)
    assert (record.draw, split.draw) == (draw, draw)
    assert split.test_items is not None
    assert set(tables.lists["item_id"]) <= set(split.test_items)
    fold = final_fold(embedded_inputs(context), split)
    assert tables.users.to_list() == fold.users.ids
    assert tables.relevant.sort(pl.all()).equals(fold.relevant.sort(pl.all()))
    assert set(tables.relevant["item_id"]).isdisjoint(fold.known["item_id"])
    spec = context.plugins.recommenders(context.domain)["text"]
    request = replace(request_of(context.config, context.domain), explain=False)
    by_hand = lists_of(fold, "text", spec.make(**record.arms["text"].parameters).fit(fold.train), request).lists
    columns = ["user_id", "rank", "item_id"]
    assert tables.lists.filter(arm="text").select(columns).equals(by_hand.select(columns))


def test_arms_are_tuned_on_the_first_draw_alone(finished_run: Path) -> None:
    first, second = (read_split_lists(RunFolder(finished_run), "cold", draw)[0] for draw in (1, 2))
    assert {name: arm.parameters for name, arm in first.arms.items()} == {
        name: arm.parameters for name, arm in second.arms.items()
    }
    assert first.leader == second.leader


def test_an_arm_chooses_on_all_that_is_known_before_the_test(finished_run: Path) -> None:
    context = StageContext.open(RunFolder(finished_run), load_plugins(["content"]))
    inputs, split = embedded_inputs(context), read_split(RunFolder(finished_run), "warm")

    class CountsLikes(Popularity):
        def __init__(self, choices: object = None) -> None:
            super().__init__()

        def choose(self, train: TrainingData) -> dict[str, int]:
            return {"n_likes": train.users.history.nnz}

    spec = RecommenderSpec(name="counts", description="", make=CountsLikes, ranks_unseen_items=True)
    with opened_retriever(context) as retriever:
        trial = SplitTrial(context, inputs, retriever, split)
        trial.add("counts", spec)
    n_before_test = final_fold(inputs, split).train.users.history.nnz
    assert n_before_test > validation_fold(inputs, split).train.users.history.nnz
    assert trial.lists["counts"].parameters == {"choices": {"n_likes": n_before_test}}


@pytest.mark.parametrize(
    ("protocol", "fixed", "chosen_on"),
    [("mixed", {}, 2), ("cold-items", {}, 1), ("mixed", {"choices": {"n_likes": 3}}, None)],
)
def test_where_all_items_share_a_list_an_arm_chooses_anew_on_each_draw(
    finished_run: Path, tmp_path: Path, protocol: str, fixed: dict[str, object], chosen_on: int | None
) -> None:
    folder = RunFolder(shutil.copytree(finished_run, tmp_path / "run"))
    context = StageContext.open(folder, load_plugins(["content"]))
    context = replace(context, config=context.config.model_copy(update={"parameters": {"counts": fixed}}))
    inputs = embedded_inputs(context)
    draws = [replace(read_split(folder, "cold", draw), protocol=protocol) for draw in (1, 2)]

    class CountsLikes(Popularity):
        def __init__(self, choices: dict[str, int] | None = None) -> None:
            super().__init__()
            self.choices = choices

        def choose(self, train: TrainingData) -> dict[str, int]:
            return self.choices or {"n_likes": train.users.history.nnz}

    spec = RecommenderSpec(name="counts", description="", make=CountsLikes, ranks_unseen_items=True)
    with opened_retriever(context) as retriever:
        trial = SplitTrial(context, inputs, retriever, draws[0])
        trial.add("counts", spec)
        trial.repeat(draws[1])
    of_draws = [final_fold(inputs, split).train.users.history.nnz for split in draws]
    assert of_draws[0] != of_draws[1]
    expected = 3 if chosen_on is None else of_draws[chosen_on - 1]
    assert read_split_lists(folder, "cold", 2)[0].arms["counts"].parameters == {"choices": {"n_likes": expected}}


@pytest.mark.parametrize(
    ("n_texts", "n_vectors", "expected"),
    [
        (30, 30, ["popularity", "ease", "text", "text-words"]),
        (30, 1, ["popularity", "ease"]),
        (1, 1, ["popularity", "ease"]),
    ],
)
def test_arms_that_read_are_left_out_where_all_items_look_alike(
    tmp_path: Path, n_texts: int, n_vectors: int, expected: list[str]
) -> None:
    plugins = load_plugins(["content"])
    folder = RunFolder(tmp_path)
    folder.write_json(LEGIBILITY_FILE, {"n_texts": n_texts, "n_vectors": n_vectors, "notes": ["they are alike"]})
    context = StageContext(folder, RunConfig(), plugins, plugins.domain("content"), LogProgress())
    arms = plugins.recommenders(plugins.domain("content"))
    of_run = {name: arms[name] for name in ("popularity", "ease", "text", "text-words")}
    assert list(legible_arms(context, of_run)) == expected
    if n_vectors == 1:
        of_text = {"text": arms["text"], **of_run}
        with pytest.raises(ConfigError, match=r"measure\.baseline: 'text' reads, and all .*: they are alike\. Choose"):
            legible_arms(context, of_text)


def test_filters_that_leave_nothing_are_refused_with_what_each_removed() -> None:
    plan = FilterPlan(
        items=np.zeros(2, dtype=bool),
        excluded=csr_array((3, 2), dtype=bool),
        allowed=None,
        where=[],
        by_id=False,
        removed={"seen": 1, "content.language": 5},
        n_candidates=6,
    )
    with pytest.raises(
        ConfigError, match=r"split 'warm': .*no candidate of 6 pairs .*: seen removed 1, content\.language removed 5\."
    ):
        refuse_no_candidates("warm", plan)
    refuse_no_candidates("warm", replace(plan, removed={"seen": 1}))
