"""The sample and your own tables, and what is refused."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsat import DataError
from recsat.data.validate import validate
from recsat_content.config import ContentConfig
from recsat_content.domain import CONTENT, load
from recsat_content.sample import SAMPLE

TABLES = Path(__file__).with_name("tables")


def test_the_sample_is_what_its_publisher_counts() -> None:
    data = load(ContentConfig())
    assert data.events.height == 100_836
    assert data.events["user_id"].n_unique() == 610
    assert data.items.height == 9_742
    assert data.quarantine.is_empty()
    assert data.events["timestamp"].min() == datetime(1996, 3, 29, 18, 36, 55, tzinfo=UTC)
    assert set(data.events["value"].unique()) == {x / 2 for x in range(1, 11)}


def test_the_publishers_terms_stand_beside_the_sample() -> None:
    terms = (SAMPLE / "README.txt").read_text(encoding="utf-8")
    assert "redistribute the data set" in terms
    assert "non-commercial" in load(ContentConfig()).source


def test_a_movie_has_year_genres_and_its_most_used_tags_first() -> None:
    items = load(ContentConfig()).items
    pulp = items.row(by_predicate=pl.col("title") == "Pulp Fiction (1994)", named=True)
    assert (pulp["kind"], pulp["year"]) == ("movie", 1994)
    assert pulp["genres"] == ["Comedy", "Crime", "Drama", "Thriller"]
    assert len(pulp["tags"]) == len(set(pulp["tags"])) > 50
    assert not items.filter(pl.col("genres").list.contains("(no genres listed)")).height
    assert items.filter(pl.col("genres").list.len() == 0).height == 34


def test_another_copy_of_movielens_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n7,Heat (1995),Crime|Drama\n", encoding="utf-8")
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,7,4.5,0\n", encoding="utf-8")
    (tmp_path / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,7,Heist,0\n", encoding="utf-8")
    data = load(ContentConfig(folder=str(tmp_path)))
    assert data.items.select("item_id", "year", "genres", "tags").rows() == [("7", 1995, ["Crime", "Drama"], ["heist"])]
    assert data.events["timestamp"].to_list() == [datetime(1970, 1, 1, tzinfo=UTC)]


def test_own_tables_are_read_with_every_column() -> None:
    data = load(ContentConfig(folder=str(TABLES), layout="tables"))
    assert data.items.height == 6
    assert data.items["genres"].to_list()[-1] == []
    assert data.events.height == 18
    assert data.exposures is not None
    assert data.exposures["click"].to_list() == [True, False, True, False, True, False]
    assert data.quarantine.is_empty()


def test_an_outcome_by_another_name_is_pointed_out(tmp_path: Path) -> None:
    for table in ("items", "events"):
        shutil.copy(TABLES / f"{table}.csv", tmp_path)
    csv = (TABLES / "exposures.csv").read_text(encoding="utf-8")
    (tmp_path / "exposures.csv").write_text(csv.replace("click", "clicked", 1), encoding="utf-8")
    with pytest.raises(
        DataError, match=r"exposures\.csv, row 1: there is no column 'click'.*Did you mean 'clicked'\? Rename"
    ):
        load(ContentConfig(folder=str(tmp_path), layout="tables"))


def test_own_tables_need_a_title_alone(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,One\n", encoding="utf-8")
    (tmp_path / "events.csv").write_text("user_id,item_id,event,timestamp\nu,a,complete,2024-01-01\n", encoding="utf-8")
    data = load(ContentConfig(folder=str(tmp_path), layout="tables"))
    assert data.items.select("kind", "genres").rows() == [("movie", [])]
    assert CONTENT.describe_item(data.items).to_list() == ["One"]
    assert data.events.select(CONTENT.positive).to_series().to_list() == [True]


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    shutil.copytree(TABLES, tmp_path / "t")
    before = load(ContentConfig(folder=str(tmp_path / "t"), layout="tables"))
    pl.read_csv(tmp_path / "t" / "events.csv", try_parse_dates=True).write_parquet(tmp_path / "t" / "events.parquet")
    (tmp_path / "t" / "events.csv").unlink()
    after = load(ContentConfig(folder=str(tmp_path / "t"), layout="tables"))
    assert after.events.drop("_file", "_row").equals(before.events.drop("_file", "_row"))


@pytest.mark.parametrize("layout", ["tables", "movielens"])
def test_ratings_on_another_scale_are_refused_at_the_door_or_set_aside(tmp_path: Path, layout: str) -> None:
    if layout == "tables":
        (tmp_path / "items.csv").write_text("item_id,title\na,One\n", encoding="utf-8")
        rows = "user_id,item_id,event,value,timestamp\nu,a,rating,4,2024-01-01\nv,a,rating,80,2024-01-01\n"
        (tmp_path / "events.csv").write_text(rows, encoding="utf-8")
    else:
        (tmp_path / "movies.csv").write_text("movieId,title,genres\na,One,Crime\n", encoding="utf-8")
        (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\nu,a,4,0\nv,a,80,0\n", encoding="utf-8")
        (tmp_path / "tags.csv").write_text("userId,movieId,tag,timestamp\n", encoding="utf-8")
    file = "events" if layout == "tables" else "ratings"
    data = load(ContentConfig.model_validate({"folder": str(tmp_path), "layout": layout}))
    with pytest.raises(DataError, match=rf"{file}\.csv, row 3: value '80\.0' is not between 0 and 5 stars"):
        validate(data, "raise", describe_item=CONTENT.describe_item)
    left = validate(data, "quarantine", describe_item=CONTENT.describe_item)
    assert left.events["user_id"].to_list() == ["u"]
    assert left.quarantine.select("file", "row", "column", "value").rows() == [(f"{file}.csv", 3, "value", "80.0")]


def test_own_tables_without_a_folder_are_refused() -> None:
    with pytest.raises(ValidationError, match="set folder"):
        ContentConfig(layout="tables")


def test_a_licence_moment_needs_a_time_zone() -> None:
    with pytest.raises(ValidationError, match="time zone"):
        ContentConfig(licence_at=datetime(2024, 1, 1))
