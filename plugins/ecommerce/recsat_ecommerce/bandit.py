"""Open Bandit: what two policies of a fashion shop showed, with which probability, and what was clicked.

The bundled files are ZOZO Research's small version; ``sample/open-bandit/README.txt`` has publisher, licence and citation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from recsat import Column, Dataset, read_table

SAMPLE = Path(__file__).with_name("sample") / "open-bandit"
SAMPLE_SOURCE = (
    "Open Bandit Dataset, small version, by ZOZO Research (Y. Saito et al., arXiv:2008.07146), Apache License 2.0; "
    "impressions of ZOZOTOWN, 2019-11-24 to 2019-11-30"
)
N_FEATURES = 4
HASH_LENGTH = 8  # enough to tell the values of a feature apart, and short enough to read
USER_FEATURES = [f"user_feature_{i}" for i in range(N_FEATURES)]
ITEM_FEATURES = [f"item_feature_{i}" for i in range(1, N_FEATURES)]
LOG = {
    "timestamp": Column(kind="time", time_format="%+"),
    "item_id": Column(),
    "position": Column(kind="integer"),
    "click": Column(kind="boolean"),
    "propensity": Column(kind="number", source="propensity_score"),
    **{name: Column() for name in USER_FEATURES},
}
ITEMS = {"item_id": Column(), "item_feature_0": Column(kind="number"), **{name: Column() for name in ITEM_FEATURES}}


def read_bandit(folder: Path, campaign: str, policies: Sequence[str]) -> Dataset:
    """``<policy>_<campaign>`` and ``items_<policy>_<campaign>`` of ``folder`` as exposures, clicks and products.

    There are no user ids: a user here is a *group* of people whose four hashed features agree. There are no texts either: a
    product is called by its number, and its topics are its three hashed features. Hashes of items differ from policy to
    policy though they mean the same, so those of the last policy are used. A click is also an event, since without events
    no arm could learn.
    """
    logs = [read_table((folder, f"{policy}_{campaign}"), LOG) for policy in policies]
    goods, item_faults = read_table((folder, f"items_{policies[-1]}_{campaign}"), ITEMS)
    log_rows = pl.concat(
        [log.with_columns(policy=pl.lit(policy)) for (log, _), policy in zip(logs, policies, strict=True)]
    ).with_columns(user_id=pl.concat_str([pl.col(name).str.head(HASH_LENGTH) for name in USER_FEATURES], separator="-"))
    exposures = log_rows.sort("timestamp", "policy", "_row").select(
        "user_id", "item_id", "position", "timestamp", "policy", "propensity", "click", "_file", "_row"
    )
    source = SAMPLE_SOURCE if folder == SAMPLE else f"Open Bandit files in {folder}"
    return Dataset(
        items=_items(goods),
        users=log_rows.select("user_id", *USER_FEATURES).unique("user_id").sort("user_id"),
        events=_clicks(exposures),
        exposures=exposures,
        quarantine=pl.concat([*(faults for _, faults in logs), item_faults]),
        source=(
            f"{source}. Campaign {campaign}, logged by {' and '.join(policies)}. Users are groups of people with the same "
            "hashed features; products have hashed features and no text."
        ),
    )


def _items(goods: pl.DataFrame) -> pl.DataFrame:
    features = [
        pl.format("{} {}", pl.lit(name.removeprefix("item_").replace("_", " ")), pl.col(name).str.head(HASH_LENGTH))
        for name in ITEM_FEATURES
    ]
    return goods.select(
        "item_id",
        "_file",
        "_row",
        kind=pl.lit("product"),
        title=pl.format("Item {}", "item_id"),
        topics=pl.concat_list(features),
        categories=pl.concat_list(features),
        item_feature_0="item_feature_0",
    )


def _clicks(exposures: pl.DataFrame) -> pl.DataFrame:
    return exposures.filter("click").select(
        "user_id",
        "item_id",
        event=pl.lit("click"),
        value=pl.lit(None, dtype=pl.Float64),
        timestamp="timestamp",
    )
