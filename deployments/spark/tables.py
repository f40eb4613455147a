"""An example: recsat's tables from a streaming service's raw logs, with Spark.

    spark-submit deployments/spark/tables.py RAW TABLES
    recsat run --set domain=content --set domain_config.layout=tables --set domain_config.folder=TABLES

RAW has ``catalogue/*.json`` (one film a line) and ``log/*.json`` (one action of a viewer a line), as written below. TABLES gets ``items.parquet`` and
``events.parquet``, the latter in a folder a day, so that a nightly job writes that night's days alone and leaves the others.
"""

from __future__ import annotations

import argparse

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import col, lit, max_by, struct, to_date, to_timestamp

CATALOGUE = "id STRING, name STRING, released INT, genres ARRAY<STRING>, plot STRING"
LOG = "at STRING, viewer STRING, film STRING, action STRING, stars DOUBLE"
RATED = "rated"
"""The action that recsat reads as a rating; the others are signals of other kinds and stay out of this example."""


def items(catalogue: DataFrame) -> DataFrame:
    """One row a film."""
    return catalogue.dropDuplicates(["id"]).select(
        col("id").alias("item_id"),
        col("name").alias("title"),
        col("released").alias("year"),
        "genres",
        col("plot").alias("description"),
    )


def events(log: DataFrame) -> DataFrame:
    """One row a rating, and the last one where a viewer rated a film twice. ``day`` is the partition."""
    rated = log.where(col("action") == RATED).withColumn("timestamp", to_timestamp("at"))
    last = rated.groupBy("viewer", "film").agg(max_by(struct("timestamp", "stars"), "timestamp").alias("last"))
    return last.select(
        col("viewer").alias("user_id"),
        col("film").alias("item_id"),
        lit("rating").alias("event"),
        col("last.stars").alias("value"),
        col("last.timestamp").alias("timestamp"),
        to_date("last.timestamp").alias("day"),
    )


def write_tables(spark: SparkSession, raw: str, tables: str) -> None:
    """Both tables, parts in place of those of the same days."""
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    items(spark.read.schema(CATALOGUE).json(f"{raw}/catalogue")).coalesce(1).write.mode("overwrite").parquet(
        f"{tables}/items.parquet"
    )
    events(spark.read.schema(LOG).json(f"{raw}/log")).repartition("day").sortWithinPartitions(
        "user_id", "timestamp"
    ).write.mode("overwrite").partitionBy("day").parquet(f"{tables}/events.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="recsat's tables from raw logs.")
    parser.add_argument("raw", help="Folder with catalogue/ and log/.")
    parser.add_argument("tables", help="Folder that gets items.parquet and events.parquet.")
    arguments = parser.parse_args()
    session = SparkSession.builder.appName("recsat-tables").getOrCreate()
    write_tables(session, arguments.raw, arguments.tables)
    session.stop()
