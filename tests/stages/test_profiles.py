"""Descriptions of items whose texts say nothing, written by a served model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
from chat_server import chat_server

from recsat.plugins import load_plugins
from recsat.rerank.endpoint import Endpoint
from recsat.run import open_run
from recsat.run.stage import StageContext
from recsat.stages.profiles import poor_texts, questions_of, written_profiles


def test_only_texts_of_few_words_are_poor(finished_run: Path) -> None:
    context = StageContext.open(open_run(finished_run), load_plugins(["content"]))
    poor = poor_texts(context, 5)
    texts = context.folder.read_table("data/texts.parquet")["text"]
    assert 0 < len(poor) < len(texts)
    assert poor["text"].str.count_matches(r"\w+").max() == 4
    assert len(poor) == (texts.str.count_matches(r"\w+") < 5).sum()
    first = poor.row(0, named=True)
    title = context.dataset.items.filter(pl.col("item_id") == first["item_id"])["title"][0]
    assert str(title).split()[0] in first["text"]


def test_a_description_without_spaces_has_as_many_words_as_it_says() -> None:
    texts = ["红楼梦", "贾宝玉与林黛玉的爱情悲剧和四大家族的兴衰", "Dream of the Red Chamber", "…"]
    context: Any = SimpleNamespace(
        folder=SimpleNamespace(read_table=lambda _: pl.DataFrame({"text": texts})),
        catalogue=SimpleNamespace(items=pl.DataFrame({"item_id": ["1", "2", "3", "4"]})),
    )
    assert poor_texts(context).rows() == [("1", texts[0]), ("3", texts[2])]


def test_what_the_model_does_not_know_is_left_out_and_lines_are_one(tmp_path: Path) -> None:
    items = pl.DataFrame({"item_id": ["1", "2", "3", "4"], "text": ["Heat (1995)", "item 17", "Fargo", "silence"]})
    answers = {
        "Heat (1995)": "A heist.\n\nFor\tthe patient. ",
        "item 17": "UNKNOWN.",
        "Fargo": "x" * 5000,
        "silence": " ",
    }

    def describe(body: dict[str, Any]) -> str:
        return answers[json.loads(body["messages"][1]["content"])["item"]]

    with chat_server(describe) as server:
        written = written_profiles(items, Endpoint(server.url, "m", folder=str(tmp_path)))
    assert written["item_id"].to_list() == ["1", "3"]
    assert written["description"].to_list() == ["A heist. For the patient.", "x" * 1000]
    assert len(questions_of(items.head(0))) == 0
