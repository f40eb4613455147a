"""The plan of an evaluation: what was decided before a result was seen, by its hash, and whether it was kept.

Its hash is the SHA-256 of the plan's JSON with sorted keys. A run writes its plan before any arm is fitted, and holds what it evaluates
against it; where ``measure.plan`` names a file of ``recsat plan``, against that one too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self, get_args

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from recsat.config.differences import differences
from recsat.config.settings import RunConfig
from recsat.contract.domain import Dimension
from recsat.errors import ConfigError
from recsat.measure.measures import built_in, of_metrics
from recsat.measure.verdict import candidates_for_primary
from recsat.plugins import Plugins
from recsat.result.model import PlanRecord
from recsat.run.folder import RunFolder

PLAN_FILE: Final = "plan.json"
PAIR: Final = (
    "the arm that leads on validation by nDCG@k among those with a language model (of these those that are judged with words in its place, if any), "
    "and the one among those without"
)
FAMILY: Final = (
    "the primary measures of a split, Holm; the pair's other measures and the baseline are exploratory (Benjamini and Hochberg), "
    "as are the marks of a table, over its arms and measures, and slices, kinds and habits of users"
)
UNBOUND: Final[Mapping[str, Any]] = {
    "store": True,
    "home": True,
    "runs_dir": True,
    "cache_dir": True,
    "report": True,
    "series": True,
    "threads": True,
    "alerts": True,
    "measure": {
        "plan": True,
        "n_sample_users": True,
        "curves": True,
        "curve_arm": True,
        "learning_curve": True,
        "experiment": {"file"},
        "logs": True,
    },
    "rank": {"device", "user_block", "kinds"},
    "encoder": {"device", "token_budget"},
}
"""Settings that decide nothing: places, devices, the report's language, and what is shown beside the measures."""


class Plan(BaseModel):
    """What decides an outcome: the settings of the run but for its places and devices, the primary measures, the rules of the verdict."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: dict[str, JsonValue]
    primaries: dict[str, list[str]]
    """By dimension: the first of these that the data give decides."""
    pair: str = PAIR
    family: str = FAMILY

    @classmethod
    def of(cls, config: RunConfig, plugins: Plugins) -> Self:
        """Of what a run of ``config`` would do now."""
        infos = [*built_in(config.rank.k), *of_metrics(plugins.metrics(plugins.domain(config.domain)))]
        settings = config.model_dump(mode="json", exclude=dict(UNBOUND))
        return cls(
            settings=settings,
            primaries={
                dimension: [info.name for info in candidates_for_primary(infos, dimension, config.rank.k)]
                for dimension in get_args(Dimension)
            },
        )

    @property
    def sha256(self) -> str:
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def differences(self, now: Plan) -> list[str]:
        """What ``now`` does otherwise, a line each."""
        return differences(self.model_dump(mode="json"), now.model_dump(mode="json"))


class WrittenPlan(BaseModel):
    """A plan with its hash and the time at which it was written, as it stands in a file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str
    written: str
    plan: Plan

    @classmethod
    def now(cls, plan: Plan) -> Self:
        return cls(sha256=plan.sha256, written=datetime.now(UTC).isoformat(timespec="seconds"), plan=plan)


def read_plan(path: Path) -> WrittenPlan:
    """A file of ``recsat plan``; ConfigError where it is none, or was changed since it was written."""
    try:
        written = WrittenPlan.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(
            f"measure.plan: {path} is no plan ({str(error).splitlines()[0]}). Write one with recsat plan --out FILE."
        ) from error
    if written.plan.sha256 != written.sha256:
        raise ConfigError(
            f"measure.plan: {path} was changed after it was written: its hash is {written.plan.sha256[:12]} and it says {written.sha256[:12]}. "
            "Bring back the file as it was, or write a new plan with recsat plan."
        )
    return written


def write_plan(folder: RunFolder, config: RunConfig, plugins: Plugins) -> None:
    """plan.json: of the run, or the one that ``measure.plan`` names."""
    named = config.measure.plan
    written = WrittenPlan.now(Plan.of(config, plugins)) if named is None else read_plan(Path(named))
    folder.write_json(PLAN_FILE, written.model_dump(mode="json"))


def kept_plan(folder: RunFolder, config: RunConfig, plugins: Plugins) -> PlanRecord:
    """Whether what the run evaluates now is what its plan.json says."""
    written = folder.read_as(PLAN_FILE, WrittenPlan)
    differences = written.plan.differences(Plan.of(config, plugins))
    if written.plan.sha256 != written.sha256:
        differences.insert(0, f"{PLAN_FILE} of the run was changed after it was written")
    return PlanRecord(
        sha256=written.sha256,
        written=written.written,
        registered=config.measure.plan is not None,
        differences=differences,
    )
