"""What a plugin author writes: a :class:`Domain` and the typed objects that it holds.

Nothing here imports torch, transformers, qdrant-client or Prefect, so a plugin module stays cheap to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import polars as pl
from pydantic import Field, model_validator

from recsat.config.settings import Control, Settings
from recsat.config.tables import Tables
from recsat.contract.dataset import Dataset
from recsat.contract.interactions import rejected_pairs
from recsat.contract.rules import PayloadType, Rule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from recsat.contract.arm import Recommender
    from recsat.contract.reranker import Reranker

Dimension = Literal["accuracy", "diversity", "behaviour", "business"]
Reads = Literal["nothing", "words", "language model"]


class DomainConfig(Settings):
    """Base of every domain's config model. Its fields are the form that an operator fills in."""


class OwnTables(DomainConfig):
    """Settings of a domain that reads its operator's tables: how these are written, and what in them counts as liked."""

    of_layouts: ClassVar[Mapping[str, tuple[str, ...]]] = {"timestamp_format": ("tables",), "tables": ("tables",)}
    """Settings that some layouts alone read: under another they would change nothing, and are refused unless they are the default."""

    folder: str | None = Field(None, min_length=1, description="Folder with your files.", examples=["/data/mine"])
    timestamp_format: str | None = Field(
        None,
        min_length=1,
        description="tables: how times are written, such as %d/%m/%Y %H:%M, or unix for numbers since 1970. Empty: ISO 8601 or such numbers.",
        examples=["%d/%m/%Y %H:%M", "unix"],
    )
    tables: Tables = Field(
        default_factory=Tables,
        description="tables: where your files are, what their columns are called, and how cells are written.",
    )
    liked_events: list[str] = Field(
        default_factory=list,
        description="Events that count as liked whatever their value. Empty: those of the domain.",
        examples=[["purchase", "add_to_cart"]],
    )
    liked_from: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Smallest value that counts as liked, of the event that has one, in the numbers of your files. Empty: the domain's.",
        examples=[7],
    )

    @model_validator(mode="after")
    def _settings_are_of_the_layout(self) -> Self:
        layout = getattr(self, "layout", None)
        for name, layouts in self.of_layouts.items():
            default = type(self).model_fields[name].get_default(call_default_factory=True)
            if layout is not None and layout not in layouts and getattr(self, name) != default:
                listed = " or ".join(layouts)
                raise ValueError(
                    f"{name} is a setting of layout {listed}, and the layout is {layout}: set layout to {listed}, or leave {name} out"
                )
        return self


def likes(config: OwnTables, events: Sequence[str], valued: str, least: float | None) -> pl.Expr:
    """What counts as liked under ``config``: one of its events, else of ``events``; or ``valued`` with at least ``least`` (None: never)."""
    liked_events = config.liked_events or list(events)
    with_value = pl.lit(value=False) if least is None else (pl.col("event") == valued) & (pl.col("value") >= least)
    return (pl.col("event").is_in(liked_events) | with_value).fill_null(value=False)


@dataclass(frozen=True, kw_only=True)
class FilterContext:
    """What a filter may look at: what is known at serving time, never the held-out part.

    ``known`` has the items of the whole catalogue and the events, ties and exposures up to the split.
    """

    known: Dataset
    config: Any
    now: datetime
    rejections: tuple[str, ...] = ()
    """The domain's events by which users say that they do not want an item."""

    def rejected(self, users: pl.Series) -> pl.DataFrame:
        """(user_id, item_id) of what ``users`` rejected and have had no other event with since."""
        mine = self.known.events.join(users.to_frame("user_id"), on="user_id", how="semi")
        return rejected_pairs(mine, self.rejections)


@dataclass(frozen=True, kw_only=True)
class CandidateFilter:
    """A rule that removes candidates. It may only remove, and is checked again after reranking.

    Give one or more of these parts:

    - ``rule``: a condition on item columns, written with :func:`recsat.field`: ``field("price") <= 10``. It is pushed down into
      retrieval and masks what is listed, both from the one expression; see :class:`recsat.Rule`.
    - ``exclude(users, context)``: pairs (user_id, item_id) that must not be shown; ``users`` is a Series of ids.
    - ``allow(users, context)``: pairs (user_id, item_id) that alone may be shown.
    - ``keep(items, context)``: for what a rule cannot say, a boolean Series over the item table, aligned with its rows.
    - ``where(context)``: what of ``keep`` retrieval can check, as a Qdrant filter in its JSON form
      (``{"must": [{"key": "price", "range": {"lte": 10}}]}``); None where the config asks for nothing. The two must say the
      same of every item. ``fields`` declares the payload fields that it uses and their Qdrant types.

    ``kinds`` limits the filter to items of those kinds; None means all. An ``always`` filter runs in every run of the domain,
    whether or not ``rank.filters`` names it: for what must never happen, such as showing people to themselves or to those who
    blocked them.
    """

    name: str
    description: str
    rule: Rule | None = None
    where: Callable[[FilterContext], Mapping[str, Any] | None] | None = None
    keep: Callable[[pl.DataFrame, FilterContext], pl.Series] | None = None
    exclude: Callable[[pl.Series, FilterContext], pl.DataFrame] | None = None
    allow: Callable[[pl.Series, FilterContext], pl.DataFrame] | None = None
    kinds: tuple[str, ...] | None = None
    fields: Mapping[str, PayloadType] = field(default_factory=dict)
    always: bool = False


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One arm's lists beside what its users went on to do.

    - ``lists``: (user_id, item_id, rank, score), rank 1 is first; one row per recommended item.
    - ``outcomes``: the held-out events of those users (user_id, item_id, event, value, timestamp).
    - ``hits``: the inner join of the two on (user_id, item_id): outcomes that the lists contained, with rank and score.
    - ``users``: Series of every judged user, also those whose list or outcomes are empty.
    - ``history``: events before the split. ``items``: the item table. ``exposures``, ``ties``: where the data has them, of all
      users and of all times.
    - ``config``: the domain's settings; None where a metric is called outside a run.
    """

    lists: pl.DataFrame
    outcomes: pl.DataFrame
    hits: pl.DataFrame
    users: pl.Series
    history: pl.DataFrame
    items: pl.DataFrame
    exposures: pl.DataFrame | None = None
    ties: pl.DataFrame | None = None
    config: Any = None


@dataclass(frozen=True, kw_only=True)
class SatisfactionMetric:
    """One number per user. ``compute(judged)`` returns (user_id, value).

    A user for whom the metric is not defined is left out or has null, and does not count in the mean. Intervals, paired
    tests and slices come from the framework. ``needs`` names what the data must have for the metric to exist at all:
    event names, or ``"exposures"``, ``"ties"``; where it is missing the report says so instead of printing a number.
    ``primary`` makes it the measure whose outcome is that of its dimension; without one that is the first of the domain's.
    ``bounds`` is the range that values cannot leave (None: unbounded on that side). ``over`` ends the sentence "Mean over …"
    that the report prints of the metric: which users have a value, and on what that depends.

    ``of_exposed`` metrics have a value of everybody to whom something was shown after the cut, served or not, and slices of what was shown, by ``surface`` and ``position`` of exposures, in place of those of users;
    their values are those of a rate's users, of which the mean alone keeps to ``bounds``.
    ``obstacle(judged)`` says in a sentence why tables that have what it needs cannot give it all the same, and None where they
    can; the lists of that ``judged`` are empty.
    """

    name: str
    description: str
    unit: str
    better: Literal["higher", "lower"]
    compute: Callable[[Judged], pl.DataFrame]
    dimension: Dimension = "behaviour"
    needs: frozenset[str] = frozenset()
    bounds: tuple[float | None, float | None] = (None, None)
    primary: bool = False
    over: str = "the served users for whom it is defined"
    of_exposed: bool = False
    obstacle: Callable[[Judged], str | None] | None = None


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors."""

    @property
    def dimension(self) -> int: ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text could give another vector: weights, pooling, prompt, length limit."""
        ...

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Unit-length vectors, float32, (len(texts), dimension). ``progress`` is called with the number of further texts that are done."""
        ...


@dataclass(frozen=True, kw_only=True)
class EncoderSpec:
    """A named encoder, made only when a run asks for it. ``make`` takes the run's encoder settings."""

    name: str
    description: str
    make: Callable[[Any], Encoder]


@dataclass(frozen=True, kw_only=True)
class RecommenderSpec:
    """A named arm. ``make(**parameters)`` returns an unfitted recommender; ``grid`` lists what is tried on validation."""

    name: str
    description: str
    make: Callable[..., Recommender]
    grid: Mapping[str, Sequence[float | int | str | bool | None]] = field(default_factory=dict)
    ranks_unseen_items: bool = False
    """True where the arm can order items that nobody has used yet; others are left out of cold-item splits."""
    predicts_ratings: bool = False
    """True where the arm is a :class:`~recsat.RatingPredictor`: the report then has its rating error beside that of plain means."""
    reads: Reads = "nothing"
    """What tells the arm of the items besides events: the report asks how much of a gain is the words', and how much the model's."""
    reads_users: bool = False
    """True where the arm needs ``users.text_vectors``, the encoded texts of users with a history: they are embedded for runs with such an arm
    alone, for a text of each user costs what one of an item does."""
    control: Control | None = None
    """Set for an arm that is another one with the control in place of the language model; ``words`` may lead, the other two never do."""
    controls: tuple[Control, ...] = ()
    """The controls that the same plugin registers besides, each as ``<name>-<control>``; a run adds those of ``measure.controls``."""
    reads_besides: tuple[Control, ...] = ()
    """Control vectors that the arm reads beside the run's own; they are made whatever ``measure.controls`` says."""
    bytes_per_item_pair: float = 0.0
    """Memory of a fit at its peak for each pair of items, for an arm that forms a matrix of items × items: a run whose catalogue is too
    large for the machine is refused before anything is fitted."""
    dense_limit: int | None = None
    """Above so many items the arm forms no such matrix; its parameter of this name counts instead where the run fixes it. None: it always does."""


@dataclass(frozen=True, kw_only=True)
class RerankerSpec:
    """A named reranker. ``make(**parameters)`` returns one."""

    name: str
    description: str
    make: Callable[..., Reranker]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """What a user, an item and satisfaction *are*. Plain functions over whole tables.

    - ``config``: pydantic model with the loader's and the filters' settings. ``short_form``: those of them that the short form of a run shows beside
      its own, where ``config`` has them; the expert form shows all.
    - ``load(config)``: the :class:`~recsat.Dataset`.
    - ``describe_item(items)`` and ``describe_user(users, history)``: one text per row, in row order (EncodeItem, EncodeUser).
      ``history`` is the events of those users, joined with the item table, oldest first.
    - ``positive``: a boolean polars expression over events: what counts as liked. ``positive_of(config)`` is the same where the domain's
      settings decide it; what ``describe_user`` is handed then says it in the column ``liked``.
    - ``events``: names of the events that the domain knows; others count as seen, and are named. Empty: any.
    - ``rejections``: events by which a user says that they do not want an item; the filter ``rejected`` removes it then. What they liked
      before stays a like of their history: arms that weigh the one against the other have both (:attr:`~recsat.UserBatch.rejections`).
    - ``event_synonyms``: what others call these events; ``columns``: by table, those that the domain's own layout has; ``signs``: words in names
      of files, columns and events that speak for the domain. By them ``recsat init`` reads a folder of foreign files.
    - ``topics``: the list-of-strings item column whose values stand for diversity and calibration.
    - ``title``: the item column that people read in lists.
    - ``units``: unit of ``value`` for each event that has one (``{"rating": "stars"}``); ``worth``: what one event is worth.
    - ``rating``: the event whose value is how the user rated the item, for arms that predict ratings; None where nobody rates.
    - ``market``: the text column of the user table that says where a user is, for popularity among users of the same market;
      users without a row, or tables without the column, have no market.
    - ``reasons``: words for why an item is shown, keyed by the arm's reason code, e.g. ``{"because": "because you liked {title}"}``.
      ``{title}`` is the history item, ``{topic}`` a topic that the listed item has in common with it (or with the liked history),
      ``{market}`` the user's market, ``{people}`` how many people the reason counts (``12 people``) and ``{days}`` over how long (``14 days``).
    - ``demo``: settings of a run on the bundled sample, laid over the defaults by ``recsat demo``. ``samples``: the same by name for further
      samples, which ``recsat demo --sample NAME`` runs.
    - ``item_vectors(items, config)``: ready vectors beside the text's, by name: ``{"image": (n_items, d)}``, row by row the
      items', a row of zeros where an item has none. They become named vectors of the store and of the ``multimodal`` arm.
    - ``item_pictures(items, config)``: a Series of paths to picture files, null where an item has none; the image encoder
      makes them the vectors named ``image``.
    - ``item_attributes(items, config)``: what items have in common, a table (item_id, relation, value) with one row for each attribute of an
      item, such as (70, developer, Valve). They become the vectors named ``graph``, of which the default arm finds inside ``fit`` whether they count, and reasons
      that say what an item has in common with one of the history. A rule such as "no adult games" is no attribute but a filter.
    - ``simulate_exposures(lists, config, seed)``: of data that ``load`` simulates, what users do who are shown lists, by the truth that made the data. ``lists`` is (user_id, item_id);
      each place shows one of the user's items, each as likely. A row for each exposure: user_id, and whatever columns the metrics of
      ``measure.experiment`` may name. The same seed gives the same rows. None where nobody can know.
    """

    name: str
    description: str
    config: type[DomainConfig]
    load: Callable[[Any], Dataset]
    describe_item: Callable[[pl.DataFrame], pl.Series]
    describe_user: Callable[[pl.DataFrame, pl.DataFrame], pl.Series]
    positive: pl.Expr
    kinds: tuple[str, ...]
    events: tuple[str, ...] = ()
    rejections: tuple[str, ...] = ()
    event_synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    signs: tuple[str, ...] = ()
    positive_of: Callable[[Any], pl.Expr] | None = None
    topics: str | None = None
    title: str = "title"
    market: str | None = None
    rating: str | None = None
    filters: Sequence[CandidateFilter] = ()
    metrics: Sequence[SatisfactionMetric] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    worth: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    short_form: Sequence[str] = ("folder", "layout")
    demo: Mapping[str, Any] = field(default_factory=dict)
    samples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    item_vectors: Callable[[pl.DataFrame, Any], Mapping[str, NDArray[np.float32]]] | None = None
    item_pictures: Callable[[pl.DataFrame, Any], pl.Series] | None = None
    item_attributes: Callable[[pl.DataFrame, Any], pl.DataFrame] | None = None
    simulate_exposures: Callable[[pl.DataFrame, Any, int], pl.DataFrame] | None = None

    @property
    def amounts(self) -> tuple[str, ...]:
        """Events whose value is what they bring in: those of ``worth`` that have a unit, the unit of the first of them."""
        with_unit = [event for event in self.worth if event in self.units]
        return tuple(event for event in with_unit if self.units[event] == self.units[with_unit[0]])

    def configured(self, config: Any) -> Domain:
        """The domain under an operator's settings: with what these count as liked."""
        return self if self.positive_of is None else replace(self, positive=self.positive_of(config))
