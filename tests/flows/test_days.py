"""Day after day by the flow: nothing is said of days on which nothing broke, and the first day of a broken index is heard of and not served.

Twenty days of one world; how often worlds give false alarms is the library's to show (tests/benchmarks/promotion.py, tests/measure/test_across_runs.py).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from prefect import task

from recsat.run import RunFolder
from recsat.stages.promotion.record import PromotionPlace
from recsat_flows import showing
from recsat_flows.by_domain import domain_flow
from recsat_flows.steps import TASKS

N_USERS, N_ITEMS, N_LIKES, N_STABLE = 200, 100, 14, 20
TOPICS = ("harbour", "desert", "violin", "dragon", "orbit", "jungle", "verdict", "kitchen", "stadium", "mirror")
START = datetime(2025, 11, 1, tzinfo=UTC)


def write_day(folder: Path, n_days: int) -> None:
    """Films of ten topics, users who like two of these, and what a tenth of them liked on each of ``n_days`` days since."""
    rng = np.random.default_rng(0)
    topic = np.arange(N_ITEMS) % len(TOPICS)
    of_user = [np.flatnonzero(np.isin(topic, rng.choice(len(TOPICS), 2, replace=False))) for _ in range(N_USERS)]
    likes = [
        (user, int(item), START + timedelta(minutes=int(rng.integers(10_000))))
        for user in range(N_USERS)
        for item in rng.choice(of_user[user], N_LIKES, replace=False)
    ]
    for day in range(n_days):
        for user in rng.choice(N_USERS, N_USERS // 10, replace=False):
            likes.append((int(user), int(rng.choice(of_user[user])), START + timedelta(days=10 + day)))
    folder.mkdir(exist_ok=True)
    items = {
        "item_id": [f"i{item}" for item in range(N_ITEMS)],
        "kind": "movie",
        "title": [f"the {TOPICS[of]} {TOPICS[of]}" for of in topic],
        "genres": [TOPICS[of] for of in topic],
    }
    pl.DataFrame(items).write_csv(folder / "items.csv")
    events = {
        "user_id": [f"u{user}" for user, _, _ in likes],
        "item_id": [f"i{item}" for _, item, _ in likes],
        "event": "rating",
        "value": 5.0,
        "timestamp": [moment for _, _, moment in likes],
    }
    pl.DataFrame(events).write_csv(folder / "events.csv")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What automations hear of."""
    emitted: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        showing, "emit_event", lambda event, *, payload, **others: emitted.append((event, payload)) or None
    )
    return emitted


@task(name="embed")
def embed_at_wrong_items(folder: str) -> str:
    """The stage embed, and then every vector is another item's."""
    TASKS_BEFORE["embed"].fn(folder)
    run = RunFolder(Path(folder))
    vectors = run.read_arrays("vectors/items.safetensors")
    order = np.random.default_rng(1).permutation(N_ITEMS)
    run.write_arrays("vectors/items.safetensors", {name: values[order] for name, values in vectors.items()})
    run.record(run.costs()[-1])  # these are its files by now
    return folder


TASKS_BEFORE = dict(TASKS)


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.usefixtures("prefect")
def test_stable_days_pass_and_the_first_day_of_a_broken_index_is_heard_of_and_not_served(
    tmp_path: Path, events: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {
        "home": str(tmp_path / "home"),
        "series": "nightly",
        "domain_config": {"layout": "tables", "folder": str(tmp_path / "data")},
        "arms": ["popularity", "text"],
        "splits": [{"name": "late", "protocol": "last-n", "n_last": 3}],
        "data": {"min_user_events": 3, "min_item_events": 1},
        "rank": {"filters": ["seen"]},
        "measure": {"curves": False, "curve_arm": "none", "n_bootstrap": 100, "controls": []},
        "alerts": [{"arm": "text", "measure": "ndcg", "worse_by": 0.05}],
    }
    pipeline = domain_flow("pipeline_expert", "content")
    for day in range(N_STABLE):
        write_day(tmp_path / "data", day)
        pipeline(config=form, key=f"day-{day}")
    place = PromotionPlace.of(tmp_path / "home", "content")
    assert [one.action for one in place.history()] == ["promoted"] * N_STABLE
    assert {event for event, _ in events} == {"recsat.evaluation.completed", "recsat.model.promoted"}

    events.clear()
    write_day(tmp_path / "data", N_STABLE)
    monkeypatch.setitem(TASKS, "embed", embed_at_wrong_items)
    pipeline(config=form, key="broken")
    assert [event for event, _ in events] == [
        "recsat.evaluation.completed",
        "recsat.evaluation.regressed",
        "recsat.model.refused",
    ]
    [alert] = events[1][1]["alerts"]
    assert (alert["arm"], alert["previous"]) == ("text", f"day-{N_STABLE - 1}")
    assert place.history()[-1].action == "refused"
    assert "is worse than the served model's by more than 5 %" in place.history()[-1].why.replace("5%", "5 %")
    served = place.promoted()
    assert served is not None
    assert served.decision.run_id == f"day-{N_STABLE - 1}"
