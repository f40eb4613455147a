"""Every value of every judged user, by arm, slice and measure, in as little memory as can be.

A column is a number for each user and draw. Columns of slices of users are those of everybody with the others left out, so that of such a slice only
its users are kept, and its columns are made when somebody looks at them. On disk there is a row for each arm, draw and user, a column for each measure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.measure.accuracy import Values
from recsat.measure.measures import is_of_catalogue
from recsat.measure.score import ALL

Key = tuple[str, str, str]
"""(arm, slice, measure)."""
TABLE_SCHEMA: Final = pl.Schema(
    {
        "arm": pl.String,
        "slice": pl.String,
        "measure": pl.String,
        "draw": pl.Int64,
        "user_id": pl.String,
        "value": pl.Float64,
    }
)
IDS: Final = ("arm", "draw", "user_id")
"""The first columns of a wide table."""
OF: Final = " of "
"""Between a measure and a slice of items, in the name of a column."""
IN: Final = "in "
"""Before a slice of users, in the name of a column of flags."""


@dataclass(frozen=True)
class UserValues(Mapping[Key, Values]):
    """Values by (arm, slice, measure), each (n_users, n_draws) float64; NaN is a user without a value in that draw."""

    users: pl.Series
    """Distinct ids; row ``u`` of every column is ``users[u]``'s."""
    n_draws: int
    stored: Mapping[Key, Values]
    """Columns of everybody, of slices of items and of what was shown."""
    rows: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """(n_users, n_draws) by slice of users: who is in it."""
    keys_in_order: Sequence[Key] = ()
    """All keys, those of slices of users too; empty: those of ``stored``."""

    @cached_property
    def _keys(self) -> dict[Key, None]:
        return dict.fromkeys(self.keys_in_order or self.stored)

    def __getitem__(self, key: Key) -> Values:
        if key not in self._keys:
            raise KeyError(key)
        arm, part, measure = key
        if part in self.rows:
            return np.where(self.rows[part], self.stored[arm, ALL, measure], np.nan)
        return self.stored[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    @property
    def slices(self) -> list[str]:
        """In their order, everybody first."""
        return list(dict.fromkeys([ALL, *(part for _, part, _ in self)]))

    @cached_property
    def has_value(self) -> NDArray[np.bool_]:
        """(n_users, n_draws): who has a value of any measure of single users."""
        known = np.zeros((len(self.users), self.n_draws), dtype=np.bool_)
        for (_, _, measure), values in self.stored.items():
            if not is_of_catalogue(measure):
                known |= ~np.isnan(values)
        return known

    @cached_property
    def judged(self) -> pl.Series:
        """Ids of those who have a value, sorted."""
        return self.users.filter(pl.Series(self.has_value.any(axis=1))).sort()

    def by_arm(self, measure: str, *, part: str = ALL) -> tuple[pl.Series, dict[str, Values]]:
        """Sorted ids of all users who have a value of any measure, and by arm what they have of one measure on the slice ``part``, (n_users, n_draws);
        arms without any value are left out.
        """
        known = self.has_value
        places = np.flatnonzero(known.any(axis=1))
        ids = self.users.gather(places)
        order = ids.arg_sort().to_numpy()
        places = places[order]
        columns = {}
        for key in self:
            if key[1:] == (part, measure):
                values = np.where(known[places], self[key][places], np.nan)
                if not np.isnan(values).all():
                    columns[key[0]] = values
        return ids.gather(order), columns

    def table(self) -> pl.DataFrame:
        """:data:`TABLE_SCHEMA`, a row where a user has a value; without measures of the whole catalogue. For few users: a row takes a hundred bytes."""
        tables = [
            pl.DataFrame({"user_id": self.users, "value": values})
            .filter(pl.col("value").is_not_nan())
            .select(
                pl.lit(arm).alias("arm"),
                pl.lit(part).alias("slice"),
                pl.lit(name).alias("measure"),
                pl.lit(draw, dtype=pl.Int64).alias("draw"),
                "user_id",
                "value",
            )
            for (arm, part, name), by_draw in self.items()
            if not is_of_catalogue(name)
            for draw, values in enumerate(by_draw.T, 1)
        ]
        return pl.concat(tables) if tables else pl.DataFrame(schema=TABLE_SCHEMA)

    @classmethod
    def of_table(cls, table: pl.DataFrame, n_draws: int = 1) -> UserValues:
        """What :meth:`table` gave: its users are those who have a value, sorted."""
        users = table["user_id"].unique().sort()
        stored: dict[Key, Values] = {}
        for (arm, part, name), rows in table.partition_by(
            "arm", "slice", "measure", as_dict=True, maintain_order=True
        ).items():
            values = np.full((len(users), n_draws), np.nan)
            values[users.search_sorted(rows["user_id"]).to_numpy(), rows["draw"].to_numpy() - 1] = rows[
                "value"
            ].to_numpy()
            stored[str(arm), str(part), str(name)] = values
        return cls(users, n_draws, stored)

    def wide(self) -> Iterator[pl.DataFrame]:
        """A table for each arm: :data:`IDS`, a column for each of its measures, such as ``ndcg@10`` and ``ndcg@10 of head items``, null where a user has no
        value, and a flag for each slice of users, ``in cold users``. All have the same columns. Without measures of the whole catalogue.
        """
        names = list(dict.fromkeys((part, name) for _, part, name in self.stored if not is_of_catalogue(name)))
        nothing = np.full((len(self.users), self.n_draws), np.nan)
        for arm in dict.fromkeys(arm for arm, _, _ in self.stored):
            for draw in range(self.n_draws):
                columns = {
                    name if part == ALL else name + OF + part: self.stored.get((arm, part, name), nothing)[:, draw]
                    for part, name in names
                }
                flags = {IN + part: rows[:, draw] for part, rows in self.rows.items()}
                yield pl.DataFrame({"user_id": self.users, **columns, **flags}).select(
                    pl.lit(arm).alias("arm"),
                    pl.lit(draw + 1, dtype=pl.Int64).alias("draw"),
                    "user_id",
                    pl.col(list(columns)).fill_nan(None),
                    pl.col(list(flags)),
                )

    @classmethod
    def of_wide(cls, table: pl.DataFrame) -> UserValues:
        """What the tables of :meth:`wide` say together."""
        users = table["user_id"].unique(maintain_order=True)
        n_draws = int(table["draw"].max() or 1)  # type: ignore[arg-type]
        stored: dict[Key, Values] = {}
        rows: dict[str, NDArray[np.bool_]] = {}
        named = [name for name in table.columns if name not in IDS]
        for (arm, draw), of_arm in table.partition_by("arm", "draw", as_dict=True, maintain_order=True).items():
            of_arm = users.to_frame().join(of_arm, on="user_id", how="left", maintain_order="left")
            at = int(draw) - 1
            for name in named:
                if name.startswith(IN):
                    of_slice = rows.setdefault(name.removeprefix(IN), np.zeros((len(users), n_draws), dtype=np.bool_))
                    of_slice[:, at] = of_arm[name].fill_null(value=False).to_numpy()
                elif of_arm[name].null_count() < len(users):
                    measure, _, part = name.partition(OF)
                    key = str(arm), part or ALL, measure
                    column = stored.setdefault(key, np.full((len(users), n_draws), np.nan))
                    column[:, at] = of_arm[name].fill_null(np.nan).to_numpy()
        parts = [*rows, *dict.fromkeys(part for _, part, _ in stored if part != ALL)]
        keys = list(stored)
        keys += [(arm, part, name) for part in parts if part in rows for arm, of, name in stored if of == ALL]
        return cls(users, n_draws, stored, rows, [key for key in keys if _has_any(key, stored, rows)])


def _has_any(key: Key, stored: Mapping[Key, Values], rows: Mapping[str, NDArray[np.bool_]]) -> bool:
    """Whether anybody of the slice has a value of the measure, under any arm."""
    arm, part, name = key
    if part not in rows:
        return True
    return bool((rows[part] & ~np.isnan(stored[arm, ALL, name])).any())
