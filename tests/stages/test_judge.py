"""Lists judged by a served model, over real HTTP, and an interval that people's labels keep honest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from chat_server import chat_server

from recsat.errors import ConfigError, DataError
from recsat.plugins import load_plugins
from recsat.rerank.endpoint import Endpoint
from recsat.run import open_run
from recsat.run.stage import StageContext
from recsat.stages.judge import Pairs, cost_of, judged, pairs_of, read_labels
from recsat.stages.split_lists import read_split_lists

ARMS = ("text", "popularity")
N_LABELS, N_OTHERS = 30, 60


@pytest.fixture(scope="module")
def context(finished_run: Path) -> StageContext:
    return StageContext.open(open_run(finished_run), load_plugins(["content"]))


def pairs_by_taste(seed: int = 0) -> Pairs:
    """Users of whom two thirds prefer the first arm's list, which alone has what they like; what people say is their taste."""
    rng = np.random.default_rng(seed)
    taste = np.where(rng.random(N_LABELS + N_OTHERS) < 2 / 3, 1.0, -1.0)
    users = [f"u{n}" for n in range(len(taste))]
    lists = [
        (["cats", "tea"], [f"dogs {u}"]) if side > 0 else (["tea"], [f"cats {u}"])
        for u, side in zip(users, taste, strict=True)
    ]
    return Pairs("warm", ARMS, users, [f"{u} likes cats" for u in users], lists, taste[:N_LABELS])


def by_content(body: dict[str, Any]) -> str:
    content = json.loads(body["messages"][1]["content"])
    return "1" if any("cats" in title for title in content["list 1"]) else "The answer is 2."


JUDGES: dict[str, Callable[[dict[str, Any]], str]] = {
    "by content": by_content,
    "always the first": lambda body: "1",
    "never a digit": lambda body: "both are fine, ask 10 others",
}


def judgement_of(judge: Callable[[dict[str, Any]], str], folder: Path) -> Any:
    with chat_server(judge) as server:
        return judged(pairs_by_taste(), Endpoint(server.url, "m", folder=str(folder)))


def test_a_good_judge_narrows_the_interval_of_people(tmp_path: Path) -> None:
    judgement = judgement_of(by_content, tmp_path)
    assert (judgement.n_labels, judgement.n_judged, judgement.agreement) == (N_LABELS, N_OTHERS, 1.0)
    assert judgement.people.effective_labels > 1.5 * N_LABELS
    # λ = 1/(1 + n/N): the mean is that of everybody.
    everybody = np.concatenate([pairs_by_taste().labels, [1, -1]])
    assert judgement.people.low < everybody.mean() < judgement.people.high


@pytest.mark.parametrize("judge", ["always the first", "never a digit"])
def test_a_judge_that_sees_nothing_leaves_peoples_labels_alone(judge: str, tmp_path: Path) -> None:
    judgement = judgement_of(JUDGES[judge], tmp_path)
    assert judgement.people.weight == 0
    assert judgement.people.mean == pytest.approx(pairs_by_taste().labels.mean())
    assert judgement.n_unread == (0 if judge == "always the first" else 2 * (N_LABELS + N_OTHERS))


def test_what_is_asked_is_known_before(tmp_path: Path) -> None:
    pairs = pairs_by_taste()
    with chat_server(by_content) as server:
        endpoint = Endpoint(server.url, "m", folder=str(tmp_path))
        assert cost_of(pairs, endpoint).n_requests == 2 * (N_LABELS + N_OTHERS)
        with pytest.raises(ConfigError, match="most_requests is 5"):
            cost_of(pairs, Endpoint(server.url, "m", most_requests=5, folder=str(tmp_path)))
        assert server.requests == []


def test_pairs_of_a_run_are_what_users_were_shown(context: StageContext, tmp_path: Path) -> None:
    _, tables = read_split_lists(context.folder, "warm")
    users = tables.users.sort().to_list()
    labels = tmp_path / "labels.csv"
    pl.DataFrame({"user_id": users[:3], "preferred": ["text", "popularity", "tie"]}).write_csv(labels)
    pairs = pairs_of(context, labels, ARMS, split=None, n_users=5, seed=1)
    assert pairs.user_ids[:3] == users[:3]
    assert pairs.labels.tolist() == [1, -1, 0]
    assert len(pairs.user_ids) == 8
    assert len(set(pairs.user_ids)) == 8
    titles = dict(context.dataset.items.select("item_id", "title").iter_rows())
    for arm, names in zip(ARMS, pairs.lists[0], strict=True):
        mine = tables.lists.filter(pl.col("arm") == arm, pl.col("user_id") == users[0]).sort("rank")
        assert list(names) == [titles[item] for item in mine["item_id"]]
    # The text is of what was known before the test, and no held-out title is in it.
    held_out = tables.relevant.filter(pl.col("user_id") == users[0])["item_id"]
    assert pairs.texts[0].startswith("Likes ")
    assert not any(titles[item] in pairs.texts[0] for item in held_out)
    with pytest.raises(DataError, match="3 labelled users and 5 others can be judged; 30 of each"):
        cost_of(pairs, Endpoint("http://127.0.0.1:1/v1", "m", folder=str(tmp_path)))
    other = pairs_of(context, labels, ARMS, split="warm", n_users=5, seed=2)
    assert other.user_ids[3:] != pairs.user_ids[3:]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "best")], r"preferred is 'best' in 1 rows\. Write text, popularity or tie"),
        ([("a", "tie"), ("a", "text")], "user 'a' has several rows"),
    ],
)
def test_labels_that_cannot_be_used(rows: list[tuple[str, str]], message: str, tmp_path: Path) -> None:
    pl.DataFrame(rows, schema=["user_id", "preferred"], orient="row").write_csv(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=message):
        read_labels(tmp_path / "labels.csv", ARMS)


@pytest.mark.parametrize(
    ("arms", "split", "message"),
    [(("text", "nobody"), None, "no lists of 'nobody'"), (ARMS, "wram", "Did you mean 'warm'")],
)
def test_arms_and_splits_that_the_run_lacks(
    context: StageContext, arms: tuple[str, str], split: str | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        pairs_of(context, tmp_path / "labels.csv", arms, split=split, n_users=5, seed=0)


def test_labels_of_somebody_who_was_not_served(context: StageContext, tmp_path: Path) -> None:
    pl.DataFrame({"user_id": ["nobody"], "preferred": ["tie"]}).write_csv(tmp_path / "labels.csv")
    with pytest.raises(DataError, match="user 'nobody' was not served"):
        pairs_of(context, tmp_path / "labels.csv", ARMS, split=None, n_users=5, seed=0)
