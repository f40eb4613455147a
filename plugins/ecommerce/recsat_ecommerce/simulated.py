"""A simulated shop whose truth is known, small enough for a first look. Nobody in it exists, and nothing in it was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from recsat import Dataset
from recsat.testing.simulate import SimulatorSettings, World, log_exposures, make_world, popularity_policy
from recsat.testing.simulate_texts import item_texts

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
    log = log.with_columns(item_id=pl.concat_str(pl.lit("p"), pl.col("item_id").str.slice(1)))
    rng = np.random.default_rng([seed, 7])
    items = item_texts(world, WORDS).with_columns(
        item_id=pl.concat_str(pl.lit("p"), pl.col("item_id").str.slice(1)),
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
