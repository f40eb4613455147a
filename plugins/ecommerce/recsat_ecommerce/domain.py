"""The e-commerce domain, as recsat finds it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Dataset, Domain, hookimpl
from recsat_ecommerce import bandit, retail
from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.filters import FILTERS
from recsat_ecommerce.looks import item_pictures, item_vectors
from recsat_ecommerce.metrics import METRICS, REJECTIONS
from recsat_ecommerce.tables import ITEMS, USERS, read_tables
from recsat_ecommerce.texts import LIKED, describe_item, describe_user, liked_by

LOGS = {name: Path(__file__).with_name("sample") / "open-bandit" / f"log_{name}.csv.gz" for name in ("men", "women")}
EXPERIMENT = Path(__file__).with_name("sample") / "experiment" / "log.csv.gz"
"""A simulated one, for the demo."""


def load(config: EcommerceConfig) -> Dataset:
    """The layout's bundled or simulated sample, or the files of ``config.folder``."""
    folder = None if config.folder is None else Path(config.folder)
    if config.layout == "open-bandit":
        return bandit.read_bandit(folder or bandit.SAMPLE, config.campaign, config.policies)
    if config.layout == "simulated":
        # Imported here: whoever brings data of their own needs no simulator.
        from recsat_ecommerce.simulated import simulate

        return simulate(config.simulated_users, config.simulated_items, config.simulated_seed).data
    if config.layout == "tables":
        return read_tables(config)
    return retail.read_retail(folder or retail.SAMPLE, config.timestamp_format)


def simulate_exposures(lists: pl.DataFrame, config: EcommerceConfig, seed: int) -> pl.DataFrame:
    """What the simulated shop's customers do with ``lists``: :func:`recsat_ecommerce.simulated.simulate_exposures`."""
    from recsat_ecommerce import simulated

    return simulated.simulate_exposures(lists, config, seed)


ECOMMERCE = Domain(
    name="ecommerce",
    description="Products of a shop: what people view, put in the cart, buy and rate.",
    config=EcommerceConfig,
    load=load,
    describe_item=describe_item,
    describe_user=describe_user,
    positive=LIKED,
    positive_of=liked_by,
    events=(
        "purchase",
        "view",
        "click",
        "add_to_cart",
        "rating",
        "remove_from_cart",
        "wishlist",
        "hide",
        "report",
    ),
    rejections=REJECTIONS,
    event_synonyms={
        "view": (
            "view_item",
            "product_view",
            "product viewed",
            "pageview",
            "detail",
            "pv",
            "浏览",
            "查看",
            "ansicht",
            "vue",
        ),
        "add_to_cart": (
            "cart",
            "addtocart",
            "product added",
            "add_to_basket",
            "加购",
            "加入购物车",
            "warenkorb",
            "panier",
        ),
        "remove_from_cart": ("product removed",),
        "purchase": (
            "order",
            "buy",
            "transaction",
            "checkout",
            "order completed",
            "sale",
            "购买",
            "下单",
            "支付",
            "kauf",
            "achat",
            "compra",
        ),
        "wishlist": ("add_to_wishlist", "favorite", "fav", "收藏"),
        "click": ("select_item", "product clicked", "点击"),
        "rating": ("rate", "rated", "review", "评分"),
        "hide": ("not_interested",),
    },
    columns={"items": tuple(ITEMS), "users": tuple(USERS)},
    signs=(
        "product",
        "sku",
        "asin",
        "price",
        "brand",
        "cart",
        "purchase",
        "order",
        "invoice",
        "quantity",
        "revenue",
        "shop",
        "store",
        "customer",
        "item_name",
        "artikel",
        "preis",
        "bestellung",
        "bestellungen",
        "bestelldatum",
        "menge",
        "kundennummer",
        "商品",
        "商品编号",
        "价格",
        "订单",
        "金额",
    ),
    kinds=("product",),
    topics="topics",
    item_pictures=item_pictures,
    item_vectors=item_vectors,
    simulate_exposures=simulate_exposures,
    market="market",
    rating="rating",
    filters=FILTERS,
    metrics=METRICS,
    units={"purchase": "money", "rating": "stars"},
    worth={"purchase": 1.0},
    reasons={
        "because": "because you chose {title}",
        "similar": "similar to {title}, which you chose",
        "popular": "a bestseller",
        "recent": "chosen by {people} in the last {days}",
        "new": "new in the shop",
        "topic": "more from {topic}, where you chose before",
        "taste": "goes with what you chose so far",
        "profile": "goes with what is known of you",
        "no-history": "a bestseller; nothing is known of your taste yet",
        "no-history-recent": "chosen by {people} in the last {days}; nothing is known of your taste yet",
        "no-history-market": "a bestseller in {market}; nothing is known of your taste yet",
        "filled": "a bestseller; the list would have been too short",
    },
    demo={
        "splits": [
            {"name": "timeline", "protocol": "timeline"},
            {"name": "warm", "protocol": "random", "test_share": 0.2},
            {"name": "cold", "protocol": "cold-items", "test_share": 0.2},
        ],
        # In the last fifth of the year 40 % of the products that known customers buy they had bought before: without this
        # filter lists fill up with them, and on the other splits, where all purchases of a pair stay together, they could
        # never be a hit.
        "rank": {"filters": ["ecommerce.not_bought"], "n_candidates": 200},
        "arms": [
            "popularity",
            "text-user",
            "text-raw",
            "text",
            "item-knn",
            "ials",
            "ease",
            "ease-text",
            "aligned",
            "hybrid",
        ],
        # Among the best on the validation parts, with the model and with words in its place; tuning these over their whole grids took minutes more. What
        # decides between the two, how far the texts are followed, is tuned for each.
        "parameters": {
            "aligned": {"popularity_power": 0.0},
            "ease-text": {"l2": 100.0},
            "item-knn": {"n_neighbours": 50},
            "ials": {"factors": 128, "regularisation": 10.0},
        },
        "measure": {
            "curve_arm": "hybrid",
            # Invented, and called so wherever it is shown: the shop's invoices know no exposure.
            "experiment": {
                "file": str(EXPERIMENT),
                "simulated": True,
                "control": "popular",
                "days": 14,
                "metrics": {
                    "clicks per place": {"value": "clicks", "per": "shown", "dimension": "behaviour"},
                    "spent per user": {
                        "value": "spent",
                        "before": "spent_before",
                        "dimension": "business",
                        "role": "guardrail",
                        "margin": 0.1,
                    },
                },
            },
            # Real, of another shop: one log that can say what showing at random would earn, and one that cannot.
            "logs": [
                {"name": f"Open Bandit, {name}", "file": str(file), "logged_by": "bts", "judged": "random"}
                for name, file in LOGS.items()
            ],
        },
    },
    samples={
        "shop": {
            "domain_config": {"layout": "simulated"},
            "splits": [{"name": "timeline", "protocol": "timeline"}, {"name": "cold", "protocol": "cold-items"}],
            "arms": ["popularity", "text", "item-knn", "ease", "aligned", "hybrid"],
            # Its customers exist nowhere, so that the simulator can show them the lists of the two arms that are compared.
            "measure": {
                "experiment": {
                    "simulated_split": "timeline",
                    "days": 28,
                    "metrics": {
                        "clicks per exposure": {"value": "click", "per": "exposures"},
                        "topics clicked per user": {
                            "value": "new_topic",
                            "dimension": "diversity",
                            "role": "secondary",
                        },
                        "spent per user": {
                            "value": "spent",
                            "dimension": "business",
                            "role": "guardrail",
                            "margin": 0.1,
                        },
                    },
                },
            },
        },
    },
)


@hookimpl
def recsat_domain() -> Domain:
    """The e-commerce domain."""
    return ECOMMERCE
