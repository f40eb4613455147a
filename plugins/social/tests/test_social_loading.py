"""The simulated sample, publishers' files and your own tables, and what is refused."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsat import ConfigError, DataError
from recsat.data.validate import validate
from recsat_social.config import SocialConfig
from recsat_social.domain import SOCIAL, load
from recsat_social.sample import simulate
from recsat_social.triples import user_friend_content

NETWORK = Path(__file__).with_name("network")
TABLES = SocialConfig(folder=str(NETWORK), layout="tables")
DATA = Path(os.environ.get("RECSAT_DATA") or Path(__file__).parents[4] / "shared" / "data")


@pytest.fixture
def publisher_data(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that ``RECSAT_DATA`` names, or the one beside the repository."""
    if not DATA.is_dir():
        pytest.skip(f"the publishers' files are not here: set RECSAT_DATA to their folder ({DATA} does not exist)")
    monkeypatch.setenv("RECSAT_DATA", str(DATA))
    return DATA


def test_the_sample_says_that_it_is_simulated() -> None:
    data = load(SocialConfig(sample_users=40, sample_posts=20, sample_seed=9))
    assert data.simulated
    assert data.source.startswith("Simulated")
    assert "seed 9" in data.source


def test_the_sample_is_made_in_well_under_two_seconds_and_is_large_enough_to_judge() -> None:
    load(SocialConfig(sample_users=40))  # imports
    start = time.process_time()
    data = load(SocialConfig())
    assert time.process_time() - start < 2
    liked = data.events.filter(SOCIAL.positive)
    assert liked.group_by("user_id").len()["len"].median() > 20  # type: ignore[operator]
    assert data.items.height == 540
    assert set(data.events["event"]) == {"follow", "message", "like", "share", "play"}
    assert data.events["timestamp"].null_count() == 0


def test_another_seed_is_another_network() -> None:
    one, other = (simulate(50, 30, seed).data for seed in (0, 1))
    assert not one.events.equals(other.events)


def test_exposures_of_the_sample_have_exact_propensities_and_no_hidden_truth() -> None:
    world = simulate(50, 30, 2)
    log = world.data.exposures
    assert log is not None
    assert not {"satisfaction", "examined"} & set(log.columns)
    user = log["user_id"].str.slice(1).cast(pl.Int64).to_numpy()
    item = log["item_id"].str.extract(r"(\d+)$").cast(pl.Int64).to_numpy()
    people = log["item_id"].str.starts_with("user:").to_numpy()
    assert (log["propensity"].to_numpy()[people] == world.people_policy[user[people], item[people]]).all()
    assert (log["propensity"].to_numpy()[~people] == world.posts_policy[user[~people], item[~people]]).all()
    assert log["page"].n_unique() == log.select("page", "user_id", "policy").unique().height


def test_clicks_of_the_sample_are_its_events() -> None:
    data = simulate(50, 30, 2).data
    assert data.exposures is not None
    clicks = data.exposures.filter("click").select("user_id", "item_id", "timestamp")
    keys = ["user_id", "item_id", "timestamp"]
    posts = clicks.filter(pl.col("item_id").str.starts_with("i"))
    plays = data.events.filter(pl.col("event") == "play").select(keys)
    assert plays.sort(keys).equals(posts.sort(keys))
    for event in ("like", "share", "message"):
        rows = data.events.filter(pl.col("event") == event)
        assert rows.height > 0
        assert rows.join(clicks, on=keys, how="anti").is_empty(), event
    assert (
        data.events.filter(pl.col("event") != "play")
        .select("user_id", "item_id", "event")
        .filter(pl.col("event") != "message")
        .is_unique()
        .all()
    )


def test_own_tables_make_an_item_of_everybody_who_is_named_anywhere() -> None:
    data = load(TABLES)
    friends = data.items.filter(pl.col("kind") == "friend")
    people = ["ann", "bob", "cem", "dia", "eli", "fay", "gus", "hal"]
    assert sorted(friends["item_id"]) == [f"user:{person}" for person in people]
    assert sorted(data.users["user_id"]) == people
    assert friends.filter(pl.col("item_id") == "user:ann")["title"].item() == "Ann A."
    assert friends.filter(pl.col("item_id") == "user:gus")["title"].item() == "gus"
    assert data.quarantine.is_empty()
    assert not data.simulated


def test_ties_become_follow_events_once_and_follow_events_become_ties() -> None:
    data = load(TABLES)
    follows = data.events.filter(pl.col("event") == "follow").select("user_id", "item_id")
    expected = [("ann", "bob"), ("bob", "ann"), ("bob", "cem"), ("cem", "dia"), ("dia", "eli"), ("fay", "gus")]
    assert sorted(follows.rows()) == [(one, f"user:{other}") for one, other in expected]
    assert data.ties is not None
    assert data.ties.select("user_id", "other_id").rows() == expected
    since = data.ties.filter((pl.col("user_id") == "ann") & (pl.col("other_id") == "bob"))["timestamp"].item()
    assert since == datetime(2024, 1, 1, 10, tzinfo=UTC)


def test_mutual_ties_go_each_way() -> None:
    data = load(TABLES.model_copy(update={"friendship": "mutual"}))
    assert data.ties is not None
    pairs = set(data.ties.select("user_id", "other_id").rows())
    assert len(pairs) == 10
    assert {(b, a) for a, b in pairs} == pairs


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_items_and_events_are_enough_and_without_opt_outs_everybody_may_be_shown(tmp_path: Path) -> None:
    write(tmp_path, "items.csv", "item_id,title\na,One\n")
    write(tmp_path, "events.csv", "user_id,item_id,event,timestamp\nu,a,like,2024-01-01\nu,v,follow,2024-01-02\n")
    data = load(SocialConfig(folder=str(tmp_path), layout="tables"))
    assert data.items.select("item_id", "kind", "opted_out").rows() == [
        ("a", "content", None),
        ("user:u", "friend", False),
        ("user:v", "friend", False),
    ]
    assert data.exposures is None


def test_following_oneself_is_a_fault_of_its_row(tmp_path: Path) -> None:
    shutil.copytree(NETWORK, tmp_path / "n")
    events = tmp_path / "n" / "events.csv"
    write(tmp_path / "n", "events.csv", events.read_text(encoding="utf-8") + "ann,ann,follow,,2024-01-09\n")
    data = load(SocialConfig(folder=str(tmp_path / "n"), layout="tables"))
    assert data.quarantine.select("file", "row", "reason").rows() == [("events.csv", 15, "is the user's own self")]
    assert data.events.filter(pl.col("item_id") == "user:ann")["user_id"].to_list() == ["bob"]


def test_plays_below_nothing_are_refused_at_the_door_or_set_aside(tmp_path: Path) -> None:
    shutil.copytree(NETWORK, tmp_path / "n")
    text = (tmp_path / "n" / "events.csv").read_text(encoding="utf-8")
    write(tmp_path / "n", "events.csv", text + "ann,p1,play,-1,2024-01-09\n")
    data = load(SocialConfig(folder=str(tmp_path / "n"), layout="tables"))
    row = text.count("\n") + 1
    with pytest.raises(DataError, match=rf"events\.csv, row {row}: value '-1\.0' is less than nothing"):
        validate(data, "raise", describe_item=SOCIAL.describe_item)
    left = validate(data, "quarantine", describe_item=SOCIAL.describe_item)
    assert left.events.equals(validate(load(TABLES), "raise").events)
    assert left.quarantine.select("file", "row", "column", "value").rows() == [("events.csv", row, "value", "-1.0")]


@pytest.mark.parametrize(
    ("name", "text"),
    [("items.csv", "item_id,title\nuser:a,One\n"), ("users.csv", "user_id\nuser:a\n")],
)
def test_ids_that_look_like_people_are_refused(tmp_path: Path, name: str, text: str) -> None:
    shutil.copytree(NETWORK, tmp_path / "n")
    write(tmp_path / "n", name, text)
    with pytest.raises(DataError, match=rf"{name}, row 2: .* begins with 'user:'"):
        load(SocialConfig(folder=str(tmp_path / "n"), layout="tables"))


def test_layouts_and_folders_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValidationError, match="set folder"):
        SocialConfig(layout="tables")
    with pytest.raises(ValidationError, match="reads no folder"):
        SocialConfig(folder="/data")


def test_a_publishers_layout_without_a_folder_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECSAT_DATA", raising=False)
    for layout in ("lastfm", "deezer"):
        with pytest.raises(ConfigError, match="RECSAT_DATA"):
            load(SocialConfig.model_validate({"layout": layout}))


def test_triples_are_what_friends_liked_worked_by_hand() -> None:
    # ann → bob likes and shares p2; bob → ann likes p1, plays p4; bob → cem likes p3; cem → dia shares p3, which cem knows.
    triples = user_friend_content(load(TABLES))
    assert triples.rows() == [
        ("ann", "bob", "p2", True),
        ("bob", "ann", "p1", True),
        ("bob", "ann", "p4", True),
        ("bob", "cem", "p3", True),
        ("cem", "dia", "p3", False),
    ]
    assert user_friend_content(load(TABLES), pl.Series(["ann"])).height == 1


def test_lastfm_is_what_its_publisher_counts(publisher_data: Path) -> None:
    data = load(SocialConfig(layout="lastfm"))
    kinds = dict(data.items.group_by("kind").len().iter_rows())
    assert kinds == {"content": 17_632, "friend": 1_892}
    events = dict(data.events.group_by("event").len().iter_rows())
    assert events == {"play": 92_834, "follow": 25_434}
    assert data.ties is not None
    pairs = data.ties.select("user_id", "other_id")
    assert pairs.height == 25_434
    assert pairs.join(pairs.select(user_id="other_id", other_id="user_id"), on=["user_id", "other_id"]).height == 25_434
    assert data.quarantine.is_empty()
    assert not data.simulated
    texts = dict(zip(data.items["item_id"], SOCIAL.describe_item(data.items), strict=True))
    assert texts["2"].startswith("Diary of Dreams. ")
    assert texts["user:2"].startswith("Into ")


def test_deezer_keeps_friends_together(publisher_data: Path) -> None:
    data = load(SocialConfig(layout="deezer", max_people=500))
    assert data.items.height == 500
    assert set(data.items["kind"]) == {"friend"}
    follows = data.events.filter(pl.col("event") == "follow")
    assert follows.height == data.events.height
    assert follows.group_by("user_id").len()["len"].mean() > 2.5  # type: ignore[operator]
    assert SOCIAL.describe_item(data.items).str.starts_with("Into ").all()


def test_all_of_deezer_is_what_its_publisher_counts(publisher_data: Path) -> None:
    data = load(SocialConfig(layout="deezer", max_people=None, country="ro"))
    assert data.items.height == 41_773
    assert data.events.height == 2 * 125_826
