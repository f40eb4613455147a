"""Runs a domain's satisfaction metrics, and holds what they return against their own declaration."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from recsat.contract.domain import Judged, SatisfactionMetric
from recsat.errors import PluginError, RecsatError
from recsat.measure.evidence import Evidence

TABLES = ("exposures", "ties")


def judge(lists: pl.DataFrame, evidence: Evidence) -> Judged:
    """One arm's lists beside what the served users went on to do."""
    users = evidence.users.rename("user_id").cast(pl.String)
    served = users.to_frame().lazy()
    outcomes = evidence.outcomes.lazy().join(served, on="user_id", how="semi")
    listed = lists.lazy().join(served, on="user_id", how="semi")
    ranked = listed.select("user_id", "item_id", "rank", *(["score"] if "score" in lists.columns else []))
    return Judged(
        lists=listed.sort("user_id", "rank").collect(),
        outcomes=outcomes.collect(),
        hits=outcomes.join(ranked, on=["user_id", "item_id"]).sort("user_id", "rank", "timestamp").collect(),
        users=users,
        history=evidence.history,
        items=evidence.items,
        exposures=evidence.exposures,
        ties=evidence.ties,
        config=evidence.config,
    )


def missing_needs(metric: SatisfactionMetric, evidence: Evidence, list_columns: Iterable[str] = ()) -> str | None:
    """Why the data cannot give ``metric``, in a sentence; None where they can.

    A need is met by the table ``exposures`` or ``ties``, by an event of that name before or after the cut, or by a column
    of that name in the lists. The metric's own ``obstacle`` is asked where nothing is missing.
    """
    events = set(evidence.history["event"].unique()) | set(evidence.outcomes["event"].unique())
    have = events | set(list_columns) | {table for table in TABLES if getattr(evidence, table) is not None}
    missing = sorted(metric.needs - have)
    if not missing:
        no_lists = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64})
        return None if metric.obstacle is None else metric.obstacle(judge(no_lists, evidence))
    tables = [f"no {name} table" for name in missing if name in TABLES]
    what = " and ".join([*tables, *(f"no {name!r} events" for name in missing if name not in TABLES)])
    return f"The data have {what}."


def measure_satisfaction(name: str, metric: SatisfactionMetric, judged: Judged) -> pl.DataFrame:
    """(user_id, value) of one metric over one arm; users without a value are left out.

    Raises PluginError, naming the metric, where it raises or returns anything but one finite value or null for each of some
    judged users (of exposed ones, for a metric ``of_exposed``), within its own bounds. A RecsatError of the metric's own goes through as it is.
    """
    try:
        returned = metric.compute(judged)
    except RecsatError:
        raise
    except Exception as error:
        raise PluginError(
            f"metric {name!r}: compute raised {type(error).__name__}: {error}. Mend {_place(metric)}, or leave its plugin out."
        ) from error
    return _checked(name, metric, returned, _with_exposed(judged) if metric.of_exposed else judged.users)


def exposed_users(evidence: Evidence, served: pl.Series) -> pl.Series:
    """Users to whom something was shown, and who were not ``served``."""
    if evidence.exposures is None:
        return served.clear()
    exposed = evidence.exposures["user_id"].cast(pl.String).unique().sort()
    return exposed.filter(~exposed.is_in(served.implode()))


def _with_exposed(judged: Judged) -> pl.Series:
    return judged.users if judged.exposures is None else pl.concat([judged.users, judged.exposures["user_id"]]).unique()


def _checked(name: str, metric: SatisfactionMetric, returned: object, users: pl.Series) -> pl.DataFrame:
    def refuse(fault: str, fix: str) -> PluginError:
        return PluginError(f"metric {name!r}: compute ({_place(metric)}) returned {fault}. {fix}")

    if not isinstance(returned, pl.DataFrame):
        hint = "Call .collect() on it." if isinstance(returned, pl.LazyFrame) else "Return a polars DataFrame."
        raise refuse(f"{type(returned).__name__}, not a DataFrame", hint)
    if missing := [column for column in ("user_id", "value") if column not in returned.columns]:
        raise refuse(
            f"columns {returned.columns} without {' and '.join(missing)}", "Return the columns user_id and value."
        )
    kind = returned.schema["value"]
    if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null)):
        raise refuse(f"values of type {kind}", "Return numbers.")
    if returned.schema["user_id"] != pl.String and returned.height:
        raise refuse(f"user_id of type {returned.schema['user_id']}", "User ids are strings.")
    table = returned.select(pl.col("user_id").cast(pl.String), pl.col("value").cast(pl.Float64))
    if table["user_id"].null_count():
        raise refuse("a row without user_id", "Return one row for each user.")
    if (twice := table["user_id"].is_duplicated()).any():
        raise refuse(
            f"user {table['user_id'].filter(twice)[0]!r} twice", "Return one row for each user: group by user_id."
        )
    known = table["user_id"].is_in(users.implode())
    if not known.all():
        raise refuse(
            f"user {table['user_id'].filter(~known)[0]!r}, who is not judged", "Return users of judged.users only."
        )
    table = table.drop_nulls("value")
    low, high = (None, None) if metric.of_exposed else metric.bounds
    outside = ~pl.col("value").is_finite()
    outside |= (pl.col("value") < low) if low is not None else pl.lit(value=False)
    outside |= (pl.col("value") > high) if high is not None else pl.lit(value=False)
    if (out := table.filter(outside)).height:
        user, value = out.row(0)
        raise refuse(
            f"{value} for user {user!r}",
            f"Values must be finite and within its bounds {metric.bounds}; where it is not defined return null.",
        )
    return table


def _place(metric: SatisfactionMetric) -> str:
    compute = metric.compute
    return f"{getattr(compute, '__module__', '?')}.{getattr(compute, '__qualname__', repr(compute))}"
