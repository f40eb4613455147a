"""A simulated shop whose truth is known, small enough for a first look. Nobody in it exists, and nothing in it was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import Dataset
from recsat.testing.simulate import SimulatorSettings, World, log_exposures, make_world, popularity_policy
from recsat.testing.simulate_texts import item_texts
from recsat_ecommerce.config import EcommerceConfig

SOURCE = (
    "Simulated by recsat-ecommerce (seed {seed}): customers, products and what came of them are drawn from a known model of satisfaction. "
    "Nothing here was measured on real people, and no money was spent."
)
WORDS = {
    topic: words.split()
    for topic, words in {
        "Bath and beauty": "soap sponge towel shower perfume bath comb flannel",
        "Candles and light": "candle lantern lamp tealight chandelier votive candlestick bulb",
        "Cards and wrapping": "card envelope ribbon wrap tag postcard gift tissue",
        "Garden": "planter watering-can birdhouse parasol trowel seeds hammock herb",
        "Jewellery": "necklace earrings bracelet ring brooch pendant bangle charm",
        "Kitchen": "pan whisk spoon apron colander oven-mitt recipe baking",
        "Stationery": "notebook pencil eraser ruler diary clipboard stamp sticker",
        "Storage": "basket tin drawer crate shelf cabinet jar hamper",
        "Textiles": "cushion blanket quilt curtain rug doormat throw pillow",
        "Toys": "puzzle doll skittles kite blocks yoyo puppet teddy",
    }.items()
}
PRICES = (1.95, 2.95, 4.95, 7.95, 12.5, 19.95, 34.5, 59.0)
CART, BUYS, DISLIKES = 0.8, 0.7, 0.1
EXPERIMENT_DAYS = 56
QUANTITIES, QUANTITY_SHARES = (1, 2, 3), (0.75, 0.2, 0.05)
SETTINGS = SimulatorSettings(
    n_days=180,
    visits_per_day=0.2,
    taste_weight=6.0,
    quality_weight=0.4,
    base_logit=-3.5,
    policy_sharpness=0.2,
    n_slots=8,
)


@dataclass(frozen=True)
class Simulation:
    """The data, and the truth behind them."""

    data: Dataset
    world: World


def simulate(n_users: int, n_products: int, seed: int) -> Simulation:
    """A shop's pages for 180 days; the same arguments give the same shop.

    Who clicks a product views it, puts it in the cart four times of five and buys seven tenths of that, at that moment: what is bought on
    one page is an order. Who looks at a product and is not satisfied hides it with probability 0.1 × (1 - satisfaction).
    """
    world = make_world(
        tuple(WORDS), SETTINGS.model_copy(update={"n_users": n_users, "n_items": n_products, "seed": seed})
    )
    log = log_exposures(world, popularity_policy(world), "simulated shop front")
    log = log.with_columns(item_id=_product_ids(log))
    rng = np.random.default_rng([seed, 7])
    items = item_texts(world, WORDS)
    items = items.with_columns(
        item_id=_product_ids(items),
        kind=pl.lit("product"),
        price=pl.Series(rng.choice(PRICES, n_products)),
    )
    data = Dataset(
        items=items,
        events=_events(log, items, rng),
        exposures=log.with_columns(surface=pl.lit("shop front")).drop("examined", "satisfaction", "page"),
        simulated=True,
        source=SOURCE.format(seed=seed),
    )
    return Simulation(data, world)


def simulate_exposures(lists: pl.DataFrame, config: EcommerceConfig, seed: int) -> pl.DataFrame:
    """What the customers of :func:`simulate` do in :data:`EXPERIMENT_DAYS` days when each place shows one of their list's products, each as likely.

    Columns: user_id, item_id, position, timestamp, click, spent (on what was bought there), and new_topic, whether it is the customer's first click on a
    product of that main topic. Clicks are bought as often as in the shop.
    """
    shop = simulate(config.simulated_users, config.simulated_items, config.simulated_seed)
    world = replace(shop.world, settings=shop.world.settings.model_copy(update={"n_days": EXPERIMENT_DAYS}))
    weights = np.zeros_like(world.satisfaction)
    weights[_numbers(lists["user_id"]), _numbers(lists["item_id"])] = 1
    weights[~weights.any(axis=1)] = 1  # a policy has a row for everybody; who has no list is left out below
    log = log_exposures(world, weights / weights.sum(axis=1, keepdims=True), "list", seed=1 + seed)  # 0: the shop's
    log = log.with_columns(item_id=_product_ids(log), topic=world.item_topics.argmax(axis=1)[_numbers(log["item_id"])])
    log = log.join(lists.select("user_id").unique(), on="user_id", how="semi", maintain_order="left")
    rng = np.random.default_rng([config.simulated_seed, 8, seed])
    n = log.height
    buys = log["click"].to_numpy() & (rng.random(n) < CART * BUYS)
    quantity = rng.choice(QUANTITIES, n, p=QUANTITY_SHARES) * buys
    nth_click = pl.col("click").cast(pl.Int64).cum_sum().over("user_id", "topic")
    return log.join(shop.data.items.select("item_id", "price"), on="item_id", maintain_order="left").select(
        "user_id",
        "item_id",
        "position",
        "timestamp",
        "click",
        spent=pl.Series(quantity) * pl.col("price"),
        new_topic=pl.col("click") & (nth_click == 1),
    )


def _numbers(ids: pl.Series) -> NDArray[np.int64]:
    """Rows of the world behind ids such as u00012."""
    return ids.str.slice(1).cast(pl.Int64).to_numpy()


def _product_ids(rows: pl.DataFrame) -> pl.Series:
    """Ids of the world's items as those of products."""
    return rows.select(item_id=pl.concat_str(pl.lit("p"), pl.col("item_id").str.slice(1))).to_series()


def _events(log: pl.DataFrame, items: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    clicks = log.filter("click")
    carts = clicks.filter(pl.Series(rng.random(clicks.height) < CART))
    sales = carts.filter(pl.Series(rng.random(carts.height) < BUYS))
    quantity = pl.Series("quantity", rng.choice(QUANTITIES, sales.height, p=QUANTITY_SHARES))
    sales = sales.with_columns(quantity).join(items.select("item_id", "price"), on="item_id", maintain_order="left")
    unmoved = log.filter(pl.col("examined") & ~pl.col("click"))
    hides = unmoved.filter(pl.Series(rng.random(unmoved.height)) < DISLIKES * (1 - pl.col("satisfaction")))
    steps = (
        (clicks, "view", None),
        (carts, "add_to_cart", None),
        (sales, "purchase", pl.col("quantity") * pl.col("price")),
        (hides, "hide", None),
    )
    return pl.concat([_rows(*step) for step in steps], how="diagonal").sort("timestamp", "user_id", "item_id", "event")


def _rows(log: pl.DataFrame, event: str, value: pl.Expr | None) -> pl.DataFrame:
    amount = pl.lit(None, dtype=pl.Float64) if value is None else value.cast(pl.Float64)
    page = pl.col("page").cast(pl.String)
    rows = log.select("user_id", "item_id", "timestamp", event=pl.lit(event), value=amount, session_id=page)
    if event != "purchase":
        return rows
    return rows.with_columns(log["quantity"].cast(pl.Float64), order_id=pl.col("session_id"))
