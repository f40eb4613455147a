"""The snippets of the page on other libraries take what those libraries have, up to the point where a run would start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from readers import events_frame, items_frame
from scipy.sparse import csr_matrix

from recsat import Dataset

PAGE = (Path(__file__).parents[2] / "docs/how-to/migrate.md").read_text(encoding="utf-8")


def snippet(library: str) -> str:
    section = PAGE.partition(f"\n## {library}\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    return str(code)


def rectools() -> dict[str, Any]:
    events = events_frame().drop("event").rename({"value": "weight", "timestamp": "datetime"}).to_pandas()
    return {"interactions": events, "items": items_frame().to_pandas()}


def lenskit() -> dict[str, Any]:
    seconds = events_frame().drop("event").rename({"value": "rating"}).with_columns(pl.col("timestamp").dt.epoch("s"))
    return {"ratings": seconds.to_pandas(), "items": items_frame().to_pandas()}


def implicit() -> dict[str, Any]:
    pairs = events_frame().to_pandas()
    users, items = pd.factorize(pairs["user_id"]), pd.factorize(pairs["item_id"])
    matrix = csr_matrix((pairs["value"], (users[0], items[0])))
    return {"user_items": matrix, "users": users[1].to_numpy(), "items": items[1].to_numpy()}


def gorse() -> dict[str, Any]:
    items = items_frame().select(ItemId="item_id", Comment="title", Labels=pl.concat_list("genres"))
    items.write_ndjson("items.jsonl")
    feedback = events_frame().select(UserId="user_id", ItemId="item_id", FeedbackType="event", Timestamp="timestamp")
    feedback.with_columns(pl.col("Timestamp").dt.to_string("iso:strict")).write_ndjson("feedback.jsonl")
    return {}


class RunStarts(Exception):
    """Everything before it was right."""


@pytest.mark.parametrize(
    ("library", "names"), [("RecTools", rectools), ("LensKit", lenskit), ("implicit", implicit), ("Gorse", gorse)]
)
def test_what_another_library_has_becomes_data_and_settings(
    library: str, names: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*arguments: Any, data: Dataset, **options: Any) -> Path:
        raise RunStarts

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("recsat.api.runs.execute", started)
    namespace: dict[str, Any] = names()
    code = snippet(library)
    try:
        exec(code, namespace)
        assert "recsat.run(" not in code
        assert "recsat.fit(" not in code
    except RunStarts:
        pass
    data = namespace["data"]
    assert isinstance(data, Dataset)
    assert data.quarantine.is_empty()
    assert data.events.height == 200
    assert data.events["user_id"].n_unique() == 20
