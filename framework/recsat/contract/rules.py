"""Rules over item columns, written once and read twice: by Qdrant as JSON, by polars as a mask.

A rule is put together from :func:`field` with ``&``, ``|`` and ``~``. What it compares with is a constant, or a function of
the :class:`~recsat.FilterContext` that looks it up in the config, so that the columns of a rule are known before any run.

Nothing is said in two ways, each of which has one meaning:

- **An item without a value** (null, or an empty list) meets no comparison: whoever asks for a value removes it, and ``~`` of
  the comparison keeps it. Only :meth:`Field.is_missing` is true of it. There is no third truth value.
- **A setting without a value** (None, or an empty list) asks for nothing: its comparison drops out of an ``&``, and an ``|`` or
  ``~`` around it drops out as a whole. A rule of which nothing is left removes nothing.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeAlias

import polars as pl

from recsat.errors import DataError, PluginError

PayloadType: TypeAlias = Literal["keyword", "integer", "float", "bool", "datetime"]
Schema: TypeAlias = Mapping[str, pl.DataType]
Value: TypeAlias = Any
"""A constant, or a function of the FilterContext that returns one; None and an empty list ask for nothing."""


class Rule:
    """A condition on one item. Rules join with ``&``, ``|`` and ``~``.

    >>> from recsat import field
    >>> rule = (field("price") <= 10) & ~field("tags").is_in(["used"])
    >>> items = pl.DataFrame({"price": [5.0, 5.0, 50.0, None], "tags": [["new"], ["used"], None, []]})
    >>> rule.mask(items).to_list()
    [True, False, False, False]
    >>> next(iter(rule.where()["must"]))
    {'key': 'price', 'range': {'lte': 10}}
    """

    def __and__(self, other: Rule) -> Rule:
        return AllOf((self, other))

    def __or__(self, other: Rule) -> Rule:
        return AnyOf((self, other))

    def __invert__(self) -> Rule:
        return Not(self)

    def __bool__(self) -> bool:
        raise TypeError("a rule is neither true nor false: join rules with & and |, negate with ~, and write between()")

    @property
    def fields(self) -> tuple[Field, ...]:
        """The item columns that the rule looks at."""
        raise NotImplementedError

    def bind(self, context: Any) -> Rule | None:
        """The rule with constants for what ``context`` says; None where nothing is asked."""
        raise NotImplementedError

    def texts(self) -> list[tuple[str, list[str]]]:
        """Columns with the texts that the bound rule compares them with."""
        return []

    def where(self) -> dict[str, Any]:
        """The bound rule as a Qdrant filter in its JSON form."""
        raise NotImplementedError

    def condition(self) -> dict[str, Any]:
        """The bound rule as one condition of a Qdrant filter."""
        return self.where()

    def mask(self, items: pl.DataFrame) -> pl.Series:
        """The bound rule over ``items``, row by row: a Boolean Series without nulls.

        Raises DataError where a column is of a type that its comparison does not fit.
        """
        return items.select(kept=self.expression(items.schema)).to_series()

    def expression(self, schema: Schema) -> pl.Expr:
        """The bound rule over a table of ``schema``; never null."""
        raise NotImplementedError


@dataclass(frozen=True)
class AllOf(Rule):
    """Every part holds; parts that ask for nothing are left out."""

    parts: tuple[Rule, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(dict.fromkeys(column for part in self.parts for column in part.fields))

    def bind(self, context: Any) -> Rule | None:
        parts = tuple(part for part in (part.bind(context) for part in self.parts) if part is not None)
        return AllOf(parts) if parts else None

    def texts(self) -> list[tuple[str, list[str]]]:
        return [pair for part in self.parts for pair in part.texts()]

    def where(self) -> dict[str, Any]:
        return {"must": [part.condition() for part in self.parts]}

    def expression(self, schema: Schema) -> pl.Expr:
        return pl.all_horizontal([part.expression(schema) for part in self.parts])


@dataclass(frozen=True)
class AnyOf(Rule):
    """One part holds; where a part asks for nothing, nothing is asked."""

    parts: tuple[Rule, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return AllOf(self.parts).fields

    def bind(self, context: Any) -> Rule | None:
        parts = tuple(part for part in (part.bind(context) for part in self.parts) if part is not None)
        return AnyOf(parts) if len(parts) == len(self.parts) else None

    def texts(self) -> list[tuple[str, list[str]]]:
        return [pair for part in self.parts for pair in part.texts()]

    def where(self) -> dict[str, Any]:
        return {"should": [part.condition() for part in self.parts]}

    def expression(self, schema: Schema) -> pl.Expr:
        return pl.any_horizontal([part.expression(schema) for part in self.parts])


@dataclass(frozen=True)
class Not(Rule):
    """The part does not hold."""

    part: Rule

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.part.fields

    def bind(self, context: Any) -> Rule | None:
        part = self.part.bind(context)
        return None if part is None else Not(part)

    def texts(self) -> list[tuple[str, list[str]]]:
        return self.part.texts()

    def where(self) -> dict[str, Any]:
        return {"must_not": [self.part.condition()]}

    def expression(self, schema: Schema) -> pl.Expr:
        return ~self.part.expression(schema)


@dataclass(frozen=True)
class Missing(Rule):
    """The column has no value."""

    column: Field

    @property
    def fields(self) -> tuple[Field, ...]:
        return (self.column,)

    def bind(self, context: Any) -> Rule | None:
        return None if self.column.is_left_out(context) else self

    def where(self) -> dict[str, Any]:
        return {"must": [self.condition()]}

    def condition(self) -> dict[str, Any]:
        return {"is_empty": {"key": self.column.name}}

    def expression(self, schema: Schema) -> pl.Expr:
        cell = pl.col(self.column.name)
        is_list = isinstance(schema[self.column.name], pl.List)
        return cell.list.len().fill_null(0) == 0 if is_list else cell.is_null()


@dataclass(frozen=True)
class Comparison(Rule):
    """A column and the constant, or the function of the context, that it is compared with."""

    column: Field
    value: Value

    def __post_init__(self) -> None:
        if not callable(self.value):
            self.check(self.value)

    def check(self, value: Any) -> None:
        """Raises PluginError where the constant is nothing that a column can be compared with."""
        raise NotImplementedError

    @property
    def fields(self) -> tuple[Field, ...]:
        return (self.column,)

    def bind(self, context: Any) -> Rule | None:
        if self.column.is_left_out(context):
            return None
        value = self.value(context) if callable(self.value) else self.value
        asks_for_nothing = value is None or (isinstance(value, list | tuple | set | frozenset) and not value)
        return None if asks_for_nothing else replace(self, value=value)

    def where(self) -> dict[str, Any]:
        return {"must": [self.condition()]}

    def misfit(self, dtype: pl.DataType) -> DataError:
        return DataError(
            f"items: column {self.column.name!r} has the type {dtype}, and a rule compares it with {self.value!r}. "
            "Cast it in the domain's load."
        )


@dataclass(frozen=True)
class OneOf(Comparison):
    """The column is the value, or one of the values."""

    def check(self, value: Any) -> None:
        kinds = {type(one) for one in value} if isinstance(value, list | tuple) else {type(value)}
        allowed = ({str}, {int}, set()) if isinstance(value, list | tuple) else ({str}, {int}, {bool}, {type(None)})
        if kinds not in allowed:
            raise PluginError(
                f"a rule asks whether {self.column.name!r} is {value!r}. Give a text, a whole number or a bool, or a list of "
                "texts or of whole numbers."
            )

    def texts(self) -> list[tuple[str, list[str]]]:
        values = list(self.value) if isinstance(self.value, list | tuple) else [self.value]
        return [(self.column.name, [value for value in values if isinstance(value, str)])]

    def condition(self) -> dict[str, Any]:
        match = {"any": list(self.value)} if isinstance(self.value, list | tuple) else {"value": self.value}
        return {"key": self.column.name, "match": match}

    def expression(self, schema: Schema) -> pl.Expr:
        dtype = schema[self.column.name]
        values = pl.Series(list(self.value) if isinstance(self.value, list | tuple) else [self.value])
        types: Mapping[Any, PayloadType] = {pl.String: "keyword", pl.Boolean: "bool", pl.Int64: "integer"}
        if payload_type(self.column.name, dtype) != types[values.dtype]:
            raise self.misfit(dtype)

        def is_one(cell: pl.Expr) -> pl.Expr:
            return (cell.cast(pl.String) if values.dtype == pl.String else cell).is_in(values.implode())

        cell = pl.col(self.column.name)
        is_list = isinstance(dtype, pl.List)
        cell = cell.list.eval(is_one(pl.element())).list.any() if is_list else is_one(cell)
        return cell.fill_null(value=False)


@dataclass(frozen=True)
class Bounded(Comparison):
    """The column is on one side of a number or a moment."""

    side: Literal["lt", "lte", "gt", "gte"]

    def check(self, value: Any) -> None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not (value is None or is_number or isinstance(value, date)):
            raise PluginError(f"a rule bounds {self.column.name!r} by {value!r}. Give a finite number or a datetime.")

    def condition(self) -> dict[str, Any]:
        bound = _moment(self.value).isoformat() if isinstance(self.value, date) else self.value
        return {"key": self.column.name, "range": {self.side: bound}}

    def expression(self, schema: Schema) -> pl.Expr:
        cell, dtype = pl.col(self.column.name), schema[self.column.name]
        if isinstance(self.value, date) and isinstance(dtype, pl.Datetime | pl.Date):
            zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
            cell = cell.cast(pl.Datetime("us", zone))
            cell = cell.dt.replace_time_zone("UTC") if zone is None else cell.dt.convert_time_zone("UTC")
            bound = pl.lit(_moment(self.value), dtype=pl.Datetime("us", "UTC"))
        elif not isinstance(self.value, date) and dtype.is_numeric():
            # As Qdrant compares, which knows doubles alone: a Float32 of 0.1 is above the number 0.1.
            cell, bound = cell.cast(pl.Float64), pl.lit(float(self.value))
        else:
            raise self.misfit(dtype)
        return _COMPARE[self.side](cell, bound).fill_null(value=False)


@dataclass(frozen=True)
class Field:
    """An item column in a rule. Of a list, one value that fits is enough."""

    name: str
    required: bool = True

    def equals(self, value: Value) -> Rule:
        """It is this text, whole number or bool."""
        return OneOf(self, value)

    def is_in(self, values: Value) -> Rule:
        """It is one of these texts or whole numbers."""
        return OneOf(self, values)

    def between(self, low: Value, high: Value) -> Rule:
        """``low`` or above, and ``high`` or below; a bound that is None is open."""
        return AllOf((Bounded(self, low, "gte"), Bounded(self, high, "lte")))

    def is_missing(self) -> Rule:
        """It has no value: null, or an empty list."""
        return Missing(self)

    def __lt__(self, bound: Value) -> Rule:
        return Bounded(self, bound, "lt")

    def __le__(self, bound: Value) -> Rule:
        return Bounded(self, bound, "lte")

    def __gt__(self, bound: Value) -> Rule:
        return Bounded(self, bound, "gt")

    def __ge__(self, bound: Value) -> Rule:
        return Bounded(self, bound, "gte")

    def is_left_out(self, context: Any) -> bool:
        """Whether nothing is asked of the column because the items have none and need none."""
        return not self.required and self.name not in context.known.items.columns


def field(name: str, *, required: bool = True) -> Field:
    """The item column ``name``, to write a rule with: ``field("price") <= 10``.

    ``<``, ``<=``, ``>``, ``>=`` and ``between`` compare with numbers and moments (one without a zone is UTC), ``equals`` and
    ``is_in`` with texts, whole numbers and bools; ``is_missing`` asks for no value. Data without the column are refused where
    the rule asks for it; where it is not ``required``, the rule asks nothing of it there.
    """
    return Field(name, required)


def payload_type(name: str, dtype: pl.DataType) -> PayloadType:
    """The type of Qdrant's payload index for an item column; of a list, that of its values.

    >>> payload_type("tags", pl.List(pl.String()))
    'keyword'

    Raises DataError for a column of a type that no rule can compare.
    """
    inner = dtype.inner if isinstance(dtype, pl.List) else dtype
    if inner == pl.String or isinstance(inner, pl.Categorical | pl.Enum):
        return "keyword"
    if inner == pl.Boolean:
        return "bool"
    if isinstance(inner, pl.Datetime | pl.Date):
        return "datetime"
    if isinstance(inner, pl.DataType) and (inner.is_integer() or inner.is_float()):
        return "integer" if inner.is_integer() else "float"
    raise DataError(f"items: column {name!r} has the type {dtype}, which no rule can compare. Cast it in load.")


def _moment(moment: date) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_COMPARE: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
