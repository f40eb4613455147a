"""The simulated sample, Steam-200k and your own tables, and what is refused."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsat import ConfigError, DataError
from recsat.data.validate import validate
from recsat_game.config import GameConfig
from recsat_game.domain import GAMES, load
from recsat_game.sample import simulate
from recsat_game.triples import user_game_item

STORE = Path(__file__).with_name("store")
TABLES = GameConfig(folder=str(STORE), layout="tables")
DATA = Path(os.environ.get("RECSAT_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.fixture
def publisher_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ``RECSAT_DATA`` names, or the one beside the repository."""
    if not DATA.is_dir():
        pytest.skip(f"the publishers' files are not here: set RECSAT_DATA to their folder ({DATA} does not exist)")
    monkeypatch.setenv("RECSAT_DATA", str(DATA))
    return DATA


def test_the_sample_says_that_it_is_simulated() -> None:
    data = load(GameConfig(sample_users=40, sample_games=20, sample_items=10, sample_seed=9))
    assert data.simulated
    assert data.source.startswith("Simulated")
    assert "seed 9" in data.source


def test_the_sample_is_made_in_well_under_two_seconds_and_is_large_enough_to_judge() -> None:
    load(GameConfig(sample_users=40, sample_games=20))  # imports
    start = time.process_time()
    data = load(GameConfig())
    assert time.process_time() - start < 2
    liked = data.events.filter(GAMES.positive).select("user_id", "item_id").unique()
    assert liked.group_by("user_id").len()["len"].median() > 10  # type: ignore[operator]
    assert data.items.height == 490
    assert set(data.events["event"]) == {"view", "purchase", "play", "spend", "invite"}
    assert data.events["timestamp"].null_count() == 0


def test_another_seed_is_another_store() -> None:
    one, other = (simulate(50, 30, 10, seed).data for seed in (0, 1))
    assert not one.events.equals(other.events)


def test_what_happens_in_the_sample_could_happen() -> None:
    data = simulate(60, 40, 20, 2).data
    pair = ["user_id", "item_id"]
    bought = data.events.filter(pl.col("event") == "purchase")
    assert bought.select(pair).is_unique().all()
    priced = bought.join(data.items.select("item_id", "price"), on="item_id")
    assert (priced["value"] == priced["price"]).all()
    plays = data.events.filter(pl.col("event") == "play").join(
        bought.select(*pair, since="timestamp"), on=pair, how="left"
    )
    assert plays.height > 100
    assert (plays["timestamp"] > plays["since"]).all()
    inside = data.items.filter(pl.col("kind") == "item").select("item_id", "game_id", "consumable")
    spends = data.events.filter(pl.col("event") == "spend").join(inside, on="item_id")
    owned = bought.select("user_id", game_id="item_id", since="timestamp")
    spends = spends.join(owned, on=["user_id", "game_id"], how="left")
    assert spends.height > 10
    assert (spends["timestamp"] >= spends["since"]).all()
    assert spends.filter(~pl.col("consumable")).select(pair).is_unique().all()
    assert data.events.filter(pl.col("item_id") == pl.concat_str(pl.lit("user:"), "user_id")).is_empty()


def test_every_visit_of_the_sample_leaves_exposures_with_exact_propensities() -> None:
    world = simulate(50, 30, 10, 2)
    log = world.data.exposures
    assert log is not None
    assert not {"satisfaction", "examined"} & set(log.columns)
    for shelf, mark in ((world.games, "g"), (world.items, "x"), (world.people, "user:u")):
        exposures = log.filter(pl.col("item_id").str.starts_with(mark))
        user, item = (
            exposures[name].str.extract(r"(\d+)$").cast(pl.Int64).to_list() for name in ("user_id", "item_id")
        )
        assert (exposures["propensity"].to_numpy() == shelf.policy[user, item]).all()
    assert log["page"].n_unique() == log.select("page", "user_id", "policy").unique().height


def test_own_tables_have_three_kinds_and_items_have_what_their_games_have() -> None:
    data = load(TABLES)
    assert dict(data.items.group_by("kind").len().iter_rows()) == {"game": 4, "item": 4, "friend": 4}
    assert sorted(data.items.filter(pl.col("kind") == "friend")["item_id"]) == [
        "user:ann",
        "user:bob",
        "user:cem",
        "user:dia",
    ]
    x1, x3 = (data.items.row(by_predicate=pl.col("item_id") == item, named=True) for item in ("x1", "x3"))
    assert (x1["game_title"], x1["topics"], x1["platforms"], x1["age_rating"]) == (
        "Star Haven",
        ["space", "strategy"],
        ["windows", "linux"],
        12,
    )
    assert (x3["topics"], x3["platforms"], x3["age_rating"]) == (["cosmetics"], ["console"], 3)
    assert data.quarantine.is_empty()
    invited = data.events.filter(pl.col("event") == "invite")
    assert sorted(invited.select("user_id", "item_id").rows()) == [("ann", "user:bob"), ("bob", "user:dia")]


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_a_title_and_events_are_enough_and_without_invitations_nobody_is_an_item(tmp_path: Path) -> None:
    write(tmp_path, "items.csv", "item_id,title\na,One\n")
    write(tmp_path, "events.csv", "user_id,item_id,event,value,timestamp\nu,a,play,2,2024-01-01\n")
    data = load(GameConfig(folder=str(tmp_path), layout="tables"))
    assert data.items.select("item_id", "kind", "topics").rows() == [("a", "game", [])]
    assert GAMES.describe_item(data.items).to_list() == ["One"]


@pytest.mark.parametrize(
    ("name", "line", "reason"),
    [
        ("items.csv", "x9,Lost,item,,,,,1,,,g77,no\n", "is no game among the items"),
        ("items.csv", "x9,Lost,item,,,,,1,,,,no\n", "is no game among the items"),
        ("events.csv", "ann,g1,play,-1,2024-01-09\n", "is less than nothing"),
        ("events.csv", "ann,ann,invite,,2024-01-09\n", "is the user's own self"),
    ],
)
def test_faulty_rows_are_named(tmp_path: Path, name: str, line: str, reason: str) -> None:
    shutil.copytree(STORE, tmp_path / "s")
    text = (tmp_path / "s" / name).read_text(encoding="utf-8")
    write(tmp_path / "s", name, text + line)
    data = load(GameConfig(folder=str(tmp_path / "s"), layout="tables"))
    assert data.quarantine.select("file", "row", "reason").rows() == [(name, text.count("\n") + 1, reason)]
    clean = load(TABLES)
    assert (data.items.height, data.events.height) == (clean.items.height, clean.events.height)


def test_hours_below_nothing_are_refused_at_the_door_or_set_aside(tmp_path: Path) -> None:
    shutil.copytree(STORE, tmp_path / "s")
    text = (tmp_path / "s" / "events.csv").read_text(encoding="utf-8")
    write(tmp_path / "s", "events.csv", text + "ann,g1,play,-1,2024-01-09\n")
    data = load(GameConfig(folder=str(tmp_path / "s"), layout="tables"))
    row = text.count("\n") + 1
    with pytest.raises(DataError, match=rf"events\.csv, row {row}: value '-1\.0' is less than nothing"):
        validate(data, "raise", describe_item=GAMES.describe_item)
    left = validate(data, "quarantine", describe_item=GAMES.describe_item)
    assert left.events.equals(validate(load(TABLES), "raise").events)
    assert left.quarantine.select("file", "row", "column", "value").rows() == [("events.csv", row, "value", "-1.0")]


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("user:9,Person,,,,,,,,,,\n", "begins with 'user:'"),
        ("m1,Film,movie,,,,,,,,,\n", "kind 'movie' is not 'game' or 'item'"),
    ],
)
def test_strange_ids_and_kinds_are_refused(tmp_path: Path, line: str, match: str) -> None:
    shutil.copytree(STORE, tmp_path / "s")
    text = (tmp_path / "s" / "items.csv").read_text(encoding="utf-8")
    write(tmp_path / "s", "items.csv", text + line)
    with pytest.raises(DataError, match=match):
        load(GameConfig(folder=str(tmp_path / "s"), layout="tables"))


def test_layouts_and_folders_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError, match="set folder"):
        GameConfig(layout="tables")
    with pytest.raises(ValidationError, match="reads no folder"):
        GameConfig(folder="/data")
    with pytest.raises(ValidationError, match="catalogue is a setting of layout steam"):
        GameConfig(catalogue="/data")
    monkeypatch.delenv("RECSAT_DATA", raising=False)
    with pytest.raises(ConfigError, match="RECSAT_DATA"):
        load(GameConfig(layout="steam"))


def test_triples_are_the_items_of_owned_games_worked_by_hand() -> None:
    assert user_game_item(load(TABLES)).rows() == [
        ("ann", "g1", "x1", False),
        ("ann", "g2", "x2", False),
        ("ann", "g2", "x3", True),
        ("bob", "g2", "x2", True),
        ("bob", "g2", "x3", True),
        ("cem", "g3", "x4", True),
    ]
    assert user_game_item(load(TABLES), pl.Series(["cem"])).height == 1


def test_steam_is_what_its_publisher_counts(publisher_data: Path) -> None:
    data = load(GameConfig(layout="steam"))
    assert data.items.height == 5_155
    assert set(data.items["kind"]) == {"game"}
    assert dict(data.events.group_by("event").len().iter_rows()) == {"purchase": 129_511 - 707, "play": 70_489 - 12}
    assert data.events.filter(pl.col("event") == "play")["value"].min() == pytest.approx(0.1)
    assert data.events.filter(pl.col("event") == "purchase")["value"].null_count() == 129_511 - 707
    assert data.quarantine.is_empty()
    assert not data.simulated
    skyrim = data.items.row(by_predicate=pl.col("title") == "The Elder Scrolls V Skyrim", named=True)
    assert (skyrim["topics"], skyrim["price"], skyrim["developer"]) == (["RPG"], 39.99, "Bethesda Game Studios")
    text = GAMES.describe_item(data.items.filter(pl.col("title") == "The Elder Scrolls V Skyrim")).item()
    assert text.startswith("The Elder Scrolls V Skyrim. RPG. Open World, RPG, Adventure")
    assert data.items["developer"].null_count() < 2_000


def test_almost_half_of_the_games_that_people_own_on_steam_they_never_started(publisher_data: Path) -> None:
    events = load(GameConfig(layout="steam")).events
    pairs = events.group_by("user_id", "item_id").agg(pl.col("event").unique())
    bought = pairs.filter(pl.col("event").list.contains("purchase"))
    never = bought.filter(~pl.col("event").list.contains("play"))
    assert never.height / bought.height == pytest.approx(0.45, abs=0.005)


def test_steam_without_its_catalogue_still_has_titles_and_genres(publisher_data: Path, tmp_path: Path) -> None:
    shutil.copytree(publisher_data / "steam-200k", tmp_path / "alone" / "steam-200k")
    data = load(GameConfig(layout="steam", folder=str(tmp_path / "alone" / "steam-200k")))
    assert data.items.height == 5_155
    assert "developer" not in data.items.columns
    assert data.items["price"].null_count() > 0
