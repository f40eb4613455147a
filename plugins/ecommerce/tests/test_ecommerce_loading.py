"""The samples and your own tables, and what is refused."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from recsat import DataError, Dataset
from recsat.data.validate import validate
from recsat_ecommerce import bandit, retail
from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE, load

SHOP = Path(__file__).with_name("shop")


@pytest.fixture(scope="module")
def online_retail() -> Dataset:
    return load(EcommerceConfig())


@pytest.fixture(scope="module")
def open_bandit() -> Dataset:
    return load(EcommerceConfig(layout="open-bandit"))


def test_the_retail_sample_is_what_its_publisher_counts(online_retail: Dataset) -> None:
    assert "Of 541,909 lines, 135,080 have no customer" in online_retail.source
    assert online_retail.users.height == 4_334
    assert online_retail.items.height == 3_659 - 3  # carriage, packing and pictures are no products
    assert online_retail.quarantine.is_empty()
    assert online_retail.events["timestamp"].min() == datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
    assert online_retail.events["timestamp"].max() == datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


def test_a_purchase_is_worth_what_was_kept(online_retail: Dataset) -> None:
    events = online_retail.events
    assert events["value"].min() > 0  # type: ignore[operator]
    assert events.select("user_id", "item_id", "timestamp").is_duplicated().sum() < 500  # invoices of one minute
    first = events.filter((pl.col("user_id") == "17850") & (pl.col("item_id") == "85123A")).sort("timestamp")
    assert first["value"][0] == pytest.approx(6 * 2.55)
    # The largest two orders of the file, of 74,215 and 80,995 pieces, were cancelled within minutes.
    assert events.filter(pl.col("user_id") == "12346").is_empty()
    assert events.filter((pl.col("user_id") == "16446") & (pl.col("item_id") == "23843")).is_empty()


def test_a_product_has_title_price_markets_and_derived_topics(online_retail: Dataset) -> None:
    holder = online_retail.items.row(by_predicate=pl.col("item_id") == "85123A", named=True)
    assert (holder["kind"], holder["title"]) == ("product", "White hanging heart t-light holder")
    assert holder["topics"] == ["Candles and light", "Decorations"]
    assert holder["price"] == pytest.approx(2.95)
    assert {"United Kingdom", "Germany"} <= set(holder["markets"])
    assert (online_retail.items["topics"].list.len() > 0).mean() > 0.88  # type: ignore[operator]
    assert "derived from words" in online_retail.source
    assert "Unspecified" not in online_retail.items["markets"].explode().to_list()


def test_licences_stand_beside_the_samples(online_retail: Dataset, open_bandit: Dataset) -> None:
    assert "CC BY 4.0" in (retail.SAMPLE / "README.txt").read_text(encoding="utf-8")
    assert "CC BY 4.0" in online_retail.source
    assert "Apache License" in (bandit.SAMPLE / "LICENSE_Apache-2.0.txt").read_text(encoding="utf-8")
    assert "Apache License 2.0" in open_bandit.source


def _invoices(folder: Path, *lines: str) -> EcommerceConfig:
    header = "invoice,time,customer_id,stock_code,quantity,unit_price,country"
    (folder / "transactions.csv").write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    goods = "stock_code,description,is_product\nA,RED  MUG,1\nB,POSTAGE,0\nC,,1\nD,BLUE MUG.,1\n"
    (folder / "items.csv").write_text(goods, encoding="utf-8")
    return EcommerceConfig(folder=str(folder))


def test_invoices_become_purchases_line_by_line(tmp_path: Path) -> None:
    data = load(
        _invoices(
            tmp_path,
            "1,2024-01-01 10:00,u,A,2,3.00,France",
            "1,2024-01-01 10:00,u,A,1,2.00,France",  # the same product twice on one invoice is one purchase
            "1,2024-01-01 10:00,u,B,1,9.00,France",  # no product
            "1,2024-01-01 10:00,u,C,1,9.00,France",  # no description
            "1,2024-01-01 10:00,u,D,1,0.00,France",  # no price
            "2,2024-01-02 10:00,,D,1,5.00,France",  # no customer
            "3,2024-01-03 10:00,u,D,4,5.00,Unspecified",
            "C4,2024-01-04 10:00,u,D,-1,5.00,Unspecified",
            "C5,2024-01-05 10:00,v,D,-3,5.00,Spain",  # bought before the file begins
        )
    )
    day = [datetime(2024, 1, 1, 10, tzinfo=UTC), datetime(2024, 1, 3, 10, tzinfo=UTC)]
    assert data.events.rows() == [("u", "A", "purchase", 8.0, day[0]), ("u", "D", "purchase", 15.0, day[1])]
    assert data.items.select("item_id", "title", "price", "markets").rows() == [
        ("A", "Red mug", 2.5, ["France"]),
        ("D", "Blue mug", 5.0, []),
    ]
    assert data.users.rows() == [("u", None)]
    assert (
        "Of 9 lines, 1 have no customer, 2 are no described product, 1 have no price; 2 lines of returned goods are "
        "netted out (0 purchase lines undone, 1 lowered; 3 units came back that the file never sold)"
    ) in data.source


def test_invoices_without_a_known_customer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no line is a purchase of a product by a known customer"):
        load(_invoices(tmp_path, "2,2024-01-02 10:00,,D,1,5.00,France"))


def test_a_quantity_that_is_no_number_is_a_fault_with_its_row(tmp_path: Path) -> None:
    data = load(_invoices(tmp_path, "1,2024-01-01 10:00,u,A,2,3,X", "1,2024-01-01 10:00,u,A,two,3,X"))
    fault = data.quarantine.row(0, named=True)
    assert (fault["file"], fault["row"], fault["column"], fault["value"]) == ("transactions.csv", 3, "quantity", "two")


def test_exposures_have_both_policies_with_their_propensities(open_bandit: Dataset) -> None:
    exposures = open_bandit.exposures
    assert exposures is not None
    assert dict(exposures["policy"].value_counts().iter_rows()) == {"random": 10_000, "bts": 10_000}
    random = exposures.filter(pl.col("policy") == "random")
    assert random["propensity"].unique().to_list() == [1 / 80]
    assert random["click"].sum() == 38
    assert set(exposures["position"]) == {1, 2, 3}
    assert exposures["click"].sum() == open_bandit.events.height == 80
    assert open_bandit.events["value"].null_count() == 80


def test_users_of_open_bandit_are_groups_of_equal_features(open_bandit: Dataset) -> None:
    assert open_bandit.users["user_id"].is_unique().all()
    features = [f"user_feature_{i}" for i in range(4)]
    assert open_bandit.users.select(features).is_unique().all()
    assert open_bandit.exposures is not None
    assert set(open_bandit.exposures["user_id"]) == set(open_bandit.users["user_id"])
    assert "groups of people" in open_bandit.source


def test_a_campaign_of_one_policy_is_read_alone() -> None:
    data = load(EcommerceConfig(layout="open-bandit", campaign="women", policies=["random"]))
    assert data.items.height == 46
    assert data.items["title"][0] == "Item 0"
    assert data.exposures is not None
    assert data.exposures["policy"].unique().to_list() == ["random"]


def test_own_tables_are_read_with_every_column() -> None:
    data = load(EcommerceConfig(folder=str(SHOP), layout="tables"))
    assert data.items["topics"].to_list() == [["Kitchen"], ["Food", "Kitchen"], ["Kitchen"], ["Clothes"], [], ["Home"]]
    assert data.items["in_stock"].to_list() == [True, True, False, True, None, True]
    assert data.items["repeatable"].to_list() == [False, True, None, False, None, False]
    assert data.users["market"].to_list() == ["GB", "DE", None]
    assert data.events.height == 18
    assert data.exposures is not None
    assert data.exposures["click"].to_list() == [True, True, True, False, False, True]
    assert data.quarantine.is_empty()


def _write_tables(folder: Path, *events: str) -> EcommerceConfig:
    (folder / "items.csv").write_text("item_id,title\na,One\n", encoding="utf-8")
    (folder / "events.csv").write_text(
        "\n".join(["user_id,item_id,event,value,timestamp", *events, ""]), encoding="utf-8"
    )
    return EcommerceConfig(folder=str(folder), layout="tables")


def test_own_tables_need_a_title_alone(tmp_path: Path) -> None:
    data = load(_write_tables(tmp_path, "u,a,purchase,,2024-01-01"))
    assert data.items.select("kind", "topics").rows() == [("product", [])]
    assert ECOMMERCE.describe_item(data.items).to_list() == ["One"]
    assert data.events.select(ECOMMERCE.positive).to_series().to_list() == [True]


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    shutil.copytree(SHOP, tmp_path / "t")
    before = load(EcommerceConfig(folder=str(tmp_path / "t"), layout="tables"))
    pl.read_csv(tmp_path / "t" / "events.csv", try_parse_dates=True).write_parquet(tmp_path / "t" / "events.parquet")
    (tmp_path / "t" / "events.csv").unlink()
    after = load(EcommerceConfig(folder=str(tmp_path / "t"), layout="tables"))
    assert after.events.drop("_file", "_row").equals(before.events.drop("_file", "_row"))


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("v,a,purchase,-3,2024-01-01", "is less than nothing"),
        ("v,a,rating,80,2024-01-01", "is not between 0 and 5 stars"),
    ],
)
def test_values_that_mean_something_else_are_faults_of_their_rows(tmp_path: Path, event: str, reason: str) -> None:
    data = load(_write_tables(tmp_path, "u,a,purchase,3,2024-01-01", event))
    assert data.events["user_id"].to_list() == ["u"]
    assert data.quarantine.select("file", "row", "column", "reason").rows() == [("events.csv", 3, "value", reason)]


def test_ratings_on_another_scale_are_refused_at_the_door_or_set_aside(tmp_path: Path) -> None:
    data = load(_write_tables(tmp_path, "u,a,rating,4,2024-01-01", "v,a,rating,80,2024-01-01"))
    with pytest.raises(DataError, match=r"events\.csv, row 3: value '80\.0' is not between 0 and 5 stars"):
        validate(data, "raise", describe_item=ECOMMERCE.describe_item)
    left = validate(data, "quarantine", describe_item=ECOMMERCE.describe_item)
    assert left.events["user_id"].to_list() == ["u"]
    assert left.quarantine.select("file", "row", "column", "value").rows() == [("events.csv", 3, "value", "80.0")]


def test_clicks_beside_purchases_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="call clicks 'view' where people buy"):
        load(_write_tables(tmp_path, "u,a,purchase,3,2024-01-01", "u,a,click,,2024-01-01"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layout": "tables"}, "set folder"),
        ({"min_price": 5, "max_price": 2}, "min_price 5 is above max_price 2"),
        ({"layout": "open-bandit", "policies": ["bts", "bts"]}, "name each once"),
        ({"policies": []}, "at least 1"),
        ({"in_stock_days": 0}, "greater than or equal to 1"),
        ({"max_price": float("nan")}, "finite"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EcommerceConfig.model_validate(settings)
