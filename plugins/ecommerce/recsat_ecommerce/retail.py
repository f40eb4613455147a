"""Online Retail: invoices of a shop as products and purchases, returns netted out.

The bundled sample is the UCI data set of that name; ``sample/online-retail/README.txt`` has donor, licence and citation.
"""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, read_table
from recsat_ecommerce.returns import net_out
from recsat_ecommerce.topics import topics_of

logger = logging.getLogger(__name__)

SAMPLE = Path(__file__).with_name("sample") / "online-retail"
SAMPLE_SOURCE = (
    "Online Retail by Daqing Chen, UCI Machine Learning Repository (doi:10.24432/C5BW33), CC BY 4.0; invoices of a UK shop "
    "for gifts, 2010-12-01 to 2011-12-09, amounts in GBP"
)
MINUTES = "%Y-%m-%d %H:%M"
NO_MARKET = "Unspecified"
ITEMS = {
    "item_id": Column(source="stock_code"),
    "description": Column(),
    "is_product": Column(kind="boolean"),
}


def read_retail(folder: Path, timestamp_format: str | None) -> Dataset:
    """``transactions`` and ``items`` of ``folder`` as products, customers and purchases.

    A purchase is one product on one invoice: ``value`` is the money for the units that were not returned
    (:func:`~recsat_ecommerce.returns.net_out`). Lines without a customer, of what is no product or has no description, and
    without a price are left aside; ``source`` says how many. Raises DataError where no purchase is left.
    """
    columns = {
        "invoice": Column(),
        "timestamp": Column(kind="time", source="time", time_format=timestamp_format or MINUTES),
        "customer_id": Column(),
        "stock_code": Column(),
        "quantity": Column(kind="integer"),
        "unit_price": Column(kind="number"),
        "country": Column(),
    }
    lines, line_faults = read_table((folder, "transactions"), columns)
    goods, item_faults = read_table((folder, "items"), ITEMS)
    products = goods.filter("is_product", pl.col("description").is_not_null())
    known = lines.filter(pl.col("customer_id").is_not_null())
    of_products = known.join(products, left_on="stock_code", right_on="item_id", how="semi")
    priced = of_products.filter((pl.col("unit_price") > 0) & (pl.col("quantity") != 0))
    netted = net_out(priced.rename({"timestamp": "time"}).drop("_file", "_row"))
    sales = netted.filter(pl.col("quantity") > 0)
    if sales.is_empty():
        raise DataError(
            f"{folder / 'transactions'}: no line is a purchase of a product by a known customer. "
            "Fill in customer_id, and is_product in items."
        )
    counts = _line_counts(lines, known, of_products, priced, netted)
    logger.info("%s: %s.", folder, counts)
    source = SAMPLE_SOURCE if folder == SAMPLE else f"Invoices in {folder}"
    return Dataset(
        items=_items(products, sales),
        users=_users(sales),
        events=_purchases(sales),
        quarantine=pl.concat([line_faults, item_faults]),
        source=f"{source}. {counts}. Topics are derived from words of the descriptions.",
    )


def _items(products: pl.DataFrame, sales: pl.DataFrame) -> pl.DataFrame:
    """Products that were sold. ``price`` is the median over lines; ``markets`` are the countries that bought it."""
    country = pl.col("country").replace(NO_MARKET, None)
    sold = sales.group_by(item_id="stock_code").agg(
        price=pl.col("unit_price").median(), markets=country.drop_nulls().unique().sort()
    )
    plain = pl.col("description").str.replace_all(r"\s+", " ").str.strip_chars(" .,").str.to_lowercase()
    return (
        products.join(sold, on="item_id", maintain_order="left")
        .with_columns(
            kind=pl.lit("product"),
            title=plain.str.slice(0, 1).str.to_uppercase() + plain.str.slice(1),
            topics=pl.col("description").map_batches(topics_of, return_dtype=pl.List(pl.String)),
        )
        .select("item_id", "kind", "title", "topics", "price", "markets")
    )


def _users(sales: pl.DataFrame) -> pl.DataFrame:
    """Customers with the country of their last purchase."""
    return (
        sales.sort("time", "invoice")
        .group_by(user_id="customer_id")
        .agg(market=pl.col("country").last().replace(NO_MARKET, None))
        .sort("user_id")
    )


def _purchases(sales: pl.DataFrame) -> pl.DataFrame:
    money = (pl.col("kept") * pl.col("unit_price")).sum()
    return (
        sales.filter(pl.col("kept") > 0)
        .group_by(user_id="customer_id", item_id="stock_code", invoice="invoice")
        .agg(value=money.round(2), timestamp=pl.col("time").min())
        .sort("timestamp", "invoice", "user_id", "item_id")
        .select("user_id", "item_id", event=pl.lit("purchase"), value="value", timestamp="timestamp")
    )


def _line_counts(
    lines: pl.DataFrame, known: pl.DataFrame, of_products: pl.DataFrame, priced: pl.DataFrame, netted: pl.DataFrame
) -> str:
    """What became of the lines, in words for the report."""
    back = netted.filter(pl.col("quantity") < 0)
    undone = netted.filter((pl.col("quantity") > 0) & (pl.col("kept") == 0)).height
    lowered = netted.filter((pl.col("kept") > 0) & (pl.col("kept") < pl.col("quantity"))).height
    excess = netted.filter(pl.col("excess") > 0).unique(["customer_id", "stock_code"])["excess"].sum()
    return (
        f"Of {lines.height:,} lines, {lines.height - known.height:,} have no customer, {known.height - of_products.height:,} are "
        f"no described product, {of_products.height - priced.height:,} have no price; {back.height:,} lines of returned goods are "
        f"netted out ({undone:,} purchase lines undone, {lowered:,} lowered; {excess:,} units came back that the file never sold)"
    )
