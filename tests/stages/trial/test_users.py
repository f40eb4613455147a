"""What rerankers that read are told: the words of what was known, and nothing of what is held out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import polars as pl
import pytest
import torch

from recsat import RecommenderSpec, RerankerSpec, RunError
from recsat.arms.popularity import Popularity
from recsat.contract.reranker import Example, LearnedReranker, Reranker, RerankInput, TextReranker
from recsat.data.split import Split
from recsat.lists.request import Request
from recsat.plugins import load_plugins
from recsat.rerank.greedy import ByScore
from recsat.run import RunFolder
from recsat.run.stage import StageContext
from recsat.stages.prepare import read_split
from recsat.stages.trial.curves import with_trade_off
from recsat.stages.trial.fold import test_fold as judged_fold
from recsat.stages.trial.fold import validation_fold
from recsat.stages.trial.inputs import RunInputs, embedded_inputs
from recsat.stages.trial.rerank import with_reranker
from recsat.stages.trial.users import Texts


@pytest.fixture(scope="module")
def inputs(finished_run: Path) -> RunInputs:
    return embedded_inputs(StageContext.open(RunFolder(finished_run), load_plugins(["content"])))


@pytest.fixture(scope="module")
def split(finished_run: Path) -> Split:
    return read_split(RunFolder(finished_run), "warm")


def test_users_are_told_by_what_was_known_and_never_by_what_is_held_out(inputs: RunInputs, split: Split) -> None:
    fold = judged_fold(inputs, split)
    texts = Texts(inputs, fold.known, fold.users)
    items = inputs.catalogue.items.select("item_id", "title")
    named = "\n".join(items["title"])
    items = items.filter(pl.Series([named.count(title) == 1 for title in items["title"]]))
    user_texts = pl.DataFrame(list(texts.of_users.items()), schema=["user_id", "text"], orient="row")

    def n_named(events: pl.DataFrame) -> int:
        pairs = events.filter(inputs.domain.positive).join(items, on="item_id").join(user_texts, on="user_id")
        return int(pairs.select(pl.col("text").str.contains(pl.col("title"), literal=True).sum()).item())

    assert n_named(split.test) == 0
    assert n_named(fold.known) > 40
    assert list(texts.items) == inputs.domain.describe_item(inputs.catalogue.items).to_list()


def test_who_liked_nothing_yet_is_not_told(inputs: RunInputs, split: Split) -> None:
    fold = judged_fold(inputs, split)
    newcomer = fold.users.ids[0]
    history = fold.users.history.tolil()
    history[0] = 0
    fewer = replace(fold.users, history=history.tocsr())
    of_users = Texts(inputs, fold.known, fewer).of_users
    assert newcomer not in of_users
    assert len(of_users) == len(fold.users.ids) - 1
    none = replace(fold.users, history=fold.users.history * 0)
    none.history.eliminate_zeros()
    assert Texts(inputs, fold.known, none).of_users == {}


def test_a_domain_without_words_for_its_users_is_told_so(inputs: RunInputs, split: Split) -> None:
    mute = replace(inputs.domain, describe_user=lambda users, history: pl.Series(["", *[None] * (len(users) - 1)]))
    inputs = replace(inputs, domain=mute)
    fold = judged_fold(inputs, split)
    with pytest.raises(RunError, match=r"'content' has no text for any of \d+ users .* Give describe_user words"):
        _ = Texts(inputs, fold.known, fold.users).of_users


@dataclass(frozen=True)
class Reading:
    """Learns and reads, and notes what it knew when."""

    notes: list[tuple[str, Mapping[str, str]]]
    user_texts: Mapping[str, str] = field(default_factory=dict)
    trade_off: float = 0.5
    events: tuple[str, ...] = ("rating",)

    def with_texts(self, item_texts: Sequence[str], user_texts: Mapping[str, str]) -> Self:
        return replace(self, user_texts=user_texts)

    def fit(self, examples: Iterable[Example]) -> Reranker:
        self.notes.append(("learns", self.user_texts))
        return self

    def rerank(self, block: RerankInput, k: int) -> torch.Tensor:
        return ByScore().rerank(block, k)


def test_what_diversity_costs_is_not_asked_of_one_that_reads(inputs: RunInputs) -> None:
    class Words:
        def __init__(self, trade_off: float) -> None: ...

        def with_texts(self, item_texts: Sequence[str], user_texts: Mapping[str, str]) -> Self:
            return self

        def rerank(self, block: RerankInput, k: int) -> torch.Tensor:
            return ByScore().rerank(block, k)

    specs = {
        name: RerankerSpec(name=name, description="", make=make, parameters={"trade_off": 0.5})
        for name, make in (("words", Words), ("scores", lambda trade_off: ByScore()))
    }
    assert list(with_trade_off(specs, inputs.domain)) == ["scores"]


def test_one_that_also_learns_learns_from_the_texts_before_validation_and_judges_by_those_after(
    inputs: RunInputs, split: Split
) -> None:
    notes: list[tuple[str, Mapping[str, str]]] = []
    assert isinstance(Reading(notes), TextReranker)
    assert isinstance(Reading(notes), LearnedReranker)
    tuning, judging = validation_fold(inputs, split), judged_fold(inputs, split)
    arm = RecommenderSpec(name="popularity", description="", make=Popularity)
    prepared = with_reranker(
        inputs, Request(k=10), lambda: Reading(notes), "popularity", arm, {}, judging, "warm", lambda: tuning
    )
    assert notes == [("learns", Texts(inputs, tuning.known, tuning.users).of_users)]
    reranker = prepared.request.reranker
    assert isinstance(reranker, Reading)
    assert reranker.user_texts == Texts(inputs, judging.known, judging.users).of_users
    assert reranker.user_texts != notes[0][1]
