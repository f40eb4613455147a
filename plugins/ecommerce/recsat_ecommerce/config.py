"""What an operator sets: which files, and what the filters ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from recsat import OwnTables

Policy = Literal["random", "bts"]


def _both_policies() -> list[Policy]:
    return ["random", "bts"]


class EcommerceConfig(OwnTables):
    """Without a folder, a bundled sample is read: Online Retail, or Open Bandit where the layout says so."""

    of_layouts: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **OwnTables.of_layouts,
        **dict.fromkeys(("simulated_users", "simulated_items", "simulated_seed"), ("simulated",)),
        **dict.fromkeys(("campaign", "policies"), ("open-bandit",)),
        **dict.fromkeys(("rating_scale", "image_column", "vector_columns"), ("tables",)),
        "timestamp_format": ("tables", "online-retail"),
    }

    folder: str | None = Field(
        None,
        min_length=1,
        description="Folder with your files. Empty: the bundled sample of the layout.",
        examples=["/data/shop"],
    )
    layout: Literal["online-retail", "open-bandit", "simulated", "tables"] = Field(
        "online-retail",
        description=(
            "online-retail: transactions and items, one line for each product on an invoice. "
            "open-bandit: exposures of the Open Bandit Dataset, with propensities. "
            "simulated: a small shop that is made when it is loaded. "
            "tables: items and events, with users and exposures where they exist."
        ),
    )
    simulated_users: int = Field(300, ge=40, le=3000, description="simulated: customers.", examples=[300])
    simulated_items: int = Field(400, ge=20, le=5000, description="simulated: products.", examples=[400])
    simulated_seed: int = Field(0, ge=0, le=2**31 - 1, description="simulated: seed of the simulation.", examples=[0])
    timestamp_format: str | None = Field(
        None,
        min_length=1,
        description=(
            "online-retail, tables: how times are written, such as %d/%m/%Y %H:%M, or unix for numbers since 1970. Empty: ISO 8601 or such numbers."
        ),
        examples=["%d/%m/%Y %H:%M", "unix"],
    )
    rating_scale: tuple[float, float] | None = Field(
        None,
        description="tables: smallest and largest rating of your files, such as 1 and 10. Empty: stars up to 5.",
        examples=[[1, 10]],
    )
    image_column: str | None = Field(
        None,
        min_length=1,
        description="tables: column of items with paths of pictures, from the folder on. Empty: no pictures are looked at.",
        examples=["image"],
    )
    vector_columns: list[str] = Field(
        default_factory=list,
        description="tables: columns of items that hold ready vectors, as lists of numbers; each becomes vectors of its name.",
        examples=[["clip"]],
    )
    campaign: Literal["all", "men", "women"] = Field("all", description="open-bandit: the campaign to read.")
    policies: list[Policy] = Field(
        default_factory=_both_policies,
        min_length=1,
        max_length=2,
        description="open-bandit: the logging policies to read: uniformly random, Bernoulli Thompson sampling, or both.",
        examples=[["random"], ["random", "bts"]],
    )
    in_stock_days: int = Field(
        90,
        ge=1,
        le=3650,
        description=(
            "Filter in_stock, where the items have no in_stock column: a product counts as in stock "
            "if it was sold in this many days before the moment, or never yet."
        ),
        examples=[30, 90],
    )
    min_price: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Filter price: keep products that cost at least this.",
        examples=[2],
    )
    max_price: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Filter price: keep products that cost at most this.",
        examples=[20],
    )
    allow_categories: list[str] = Field(
        default_factory=list,
        description="Filter category: keep products in one of these. Empty: every category.",
        examples=[["Jewellery", "Bags and purses"]],
    )
    deny_categories: list[str] = Field(
        default_factory=list,
        description="Filter category: remove products in any of these, also where allowed.",
        examples=[["Christmas"]],
    )
    market: str | None = Field(
        None,
        min_length=1,
        description="Filter market: keep products that are sold in this market.",
        examples=["Germany"],
    )
    repeatable_categories: list[str] = Field(
        default_factory=list,
        description="Filter not_bought: categories that people buy again; products in them stay although bought before.",
        examples=[["Cards and wrapping"]],
    )
    rebuy_after_days: int | None = Field(
        None,
        ge=0,
        le=3650,
        description="Filter not_bought: show a product again when its last purchase is longer ago than this. Empty: never.",
        examples=[180],
    )

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Self:
        if self.layout == "tables" and self.folder is None:
            raise ValueError("layout 'tables' reads your own files: set folder to where they are")
        if self.layout == "simulated" and self.folder is not None:
            raise ValueError("layout 'simulated' reads no files: leave folder out, or set layout to what is in it")
        if self.min_price is not None and self.max_price is not None and self.min_price > self.max_price:
            raise ValueError(
                f"min_price {self.min_price:g} is above max_price {self.max_price:g}: no product could be shown"
            )
        if self.rating_scale is not None and not self.rating_scale[0] < self.rating_scale[1]:
            raise ValueError("rating_scale needs the smallest rating first and a larger one second, such as [1, 10]")
        if len(set(self.policies)) < len(self.policies):
            raise ValueError(f"policies names {self.policies[0]} twice: name each once")
        return self
