"""Lists are written and read one arm at a time."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recsat import RunConfig
from recsat.lists.make import LISTS_SCHEMA
from recsat.plugins import load_plugins
from recsat.run import RunFolder, execute, open_run
from recsat.stages import EMBED, INDEX, PREPARE, RECOMMEND
from recsat.stages.split_lists import (
    ArmLists,
    ListParts,
    SplitLists,
    read_judged,
    read_split_lists,
    remove_parts,
    write_split_lists,
)

ARM = ArmLists(parameters={}, validation_ndcg=0, source="catalogue", candidate_recall=None, n_candidates=3, n_places=2, n_filled=0)  # fmt: skip


def lists_of(arm: str, *users: str) -> pl.DataFrame:
    rows = [(user, "i1", 1, 0.5, arm, "", False) for user in users]
    return pl.DataFrame(rows, schema=LISTS_SCHEMA, orient="row")


def test_arms_come_back_one_by_one_and_all_together(tmp_path: Path) -> None:
    folder, parts = RunFolder(tmp_path), ListParts(RunFolder(tmp_path))
    by_arm = {"popularity": lists_of("popularity", "ann", "bob"), "ease": lists_of("ease", "ann", "zoe")}
    for lists in by_arm.values():
        parts.add(lists)
    assert parts.listed.sort().to_list() == ["ann", "bob", "zoe"]
    record = SplitLists(
        split="warm", leader="ease", arms=dict.fromkeys(by_arm, ARM), removed={}, n_pairs=9, predictions=[]
    )
    users, relevant = pl.Series(["ann", "bob"]), pl.DataFrame({"user_id": ["ann"], "item_id": ["i1"]})
    write_split_lists(folder, record, parts, users, relevant)
    assert not list(tmp_path.glob(".lists-*"))
    stored, judged, pairs = read_judged(folder, "warm")
    assert {arm: lists.rows() for arm, lists in stored.items()} == {arm: lists.rows() for arm, lists in by_arm.items()}
    assert (judged.to_list(), pairs.rows()) == (["ann", "bob"], [("ann", "i1")])
    with pytest.raises(KeyError):
        stored["text"]
    _, tables = read_split_lists(folder, "warm")
    assert tables.lists.equals(pl.concat(by_arm.values()))
    assert tables.lists.schema == LISTS_SCHEMA


def test_what_a_killed_stage_left_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / ".lists-abc").mkdir()
    (tmp_path / ".lists-abc" / "0.parquet").touch()
    remove_parts(RunFolder(tmp_path))
    assert not list(tmp_path.iterdir())


def test_lists_from_the_catalogue_ask_no_index(small_run_config: RunConfig, tmp_path: Path) -> None:
    config = small_run_config.model_copy(
        update={
            "home": str(tmp_path),
            "cache_dir": str(Path(small_run_config.home or "") / ".recsat/cache"),
            "splits": small_run_config.splits[:1],
            "arms": ["popularity", "text"],
            "rank": small_run_config.rank.model_copy(update={"source": "catalogue"}),
            "measure": small_run_config.measure.model_copy(update={"controls": [], "curves": False}),
        }
    )
    run = execute(config, load_plugins(["content"]), stages=[PREPARE, EMBED, INDEX, RECOMMEND])
    stored, _, _ = read_judged(open_run(run), "warm")
    assert stored.record.arms["text"].source == "catalogue"
    assert stored.record.arms["text"].candidate_recall is None
