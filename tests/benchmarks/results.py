"""Writes docs/diversity.md, and of other studies every arm over several seeds, with paired intervals.

    python tests/benchmarks/results.py                      what diversity costs, ten seeds
    python tests/benchmarks/results.py --studies movielens retail steam --target FILE    about an hour of one core

Each seed is a whole run: the arms are tuned on its validation part and judged on its test part. A user's value is the mean
over the seeds; intervals are bootstrapped over users, differences are paired by user. Runs that exist are not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from results_tables import diversity_section, section

from recsat import RunConfig
from recsat.plugins import load_plugins
from recsat.result.model import Result
from recsat.run import execute
from recsat.stages import PIPELINE

ROOT = Path(__file__).parents[2]
RANDOM = [
    {"name": "warm", "protocol": "random", "test_share": 0.2},
    {"name": "cold", "protocol": "cold-items", "test_share": 0.2},
    {"name": "both", "protocol": "mixed", "test_share": 0.2},
]
ARMS = [
    "popularity", "item-knn", "ials", "ease", "text-raw", "text", "text-words", "aligned", "aligned-words",
    "ease-text", "ease-text-words", "hybrid-words", "hybrid",
]  # fmt: skip
BUDGETS = (("msd", 0.009), ("dpp", 0.009), ("dpp", 0.011), ("mmr", 0.009))
"""Which reranker spends which share of the expected nDCG: what kept 99 % of it on the draws of seeds 100 to 107, and for dpp what bought 5 %."""


@dataclass(frozen=True)
class Study:
    """One data set under one set of splits."""

    name: str
    title: str
    config: dict[str, Any]
    needs_folder: str | None = None
    """Folder under RECSAT_DATA without which the study is left out."""
    seeds: bool = True
    """False where nothing of the split is drawn, so that one seed says all."""
    diversified: bool = False
    """True where the arms are reranked for diversity as well, and the section is about that."""
    more_seeds: int = 0
    """How many seeds after the last one given are taken as well."""


STUDIES = [
    Study(
        name="movielens",
        title="Content: MovieLens latest-small, rating ≥ 4, 5-core",
        config={"domain": "content", "splits": RANDOM, "arms": ARMS},
    ),
    Study(
        name="movielens-diversity",
        title="Diversity: MovieLens again, warm items",
        config={"domain": "content", "splits": RANDOM[:1], "arms": ["ease", "hybrid"]},
        diversified=True,
        more_seeds=7,  # three cannot tell a loss of one per cent from one of two
    ),
    Study(
        name="retail",
        title="E-commerce: UCI Online Retail, one cut in time",
        config={
            "domain": "ecommerce",
            "splits": [{"name": "timeline", "protocol": "timeline"}],
            "arms": ARMS,
            "rank": {"filters": ["ecommerce.not_bought"]},
        },
        seeds=False,
    ),
    Study(
        name="steam",
        title="Games: Steam-200k with the Steam catalogue",
        config={
            "domain": "game",
            "domain_config": {"layout": "steam"},
            "splits": RANDOM,
            "arms": ARMS,
        },
        needs_folder="steam-200k",
    ),
]


def run_study(study: Study, seeds: Sequence[int], work: Path) -> list[Path]:
    """One finished run folder per seed; a run that finished earlier is taken as it is."""
    run_seeds = [*seeds, *range(max(seeds) + 1, max(seeds) + 1 + study.more_seeds)] if study.seeds else seeds[:1]
    return [finished(study.name, {**study.config, "seed": seed}, work) for seed in run_seeds]


def run_diversified(study: Study, plain: Sequence[Path], work: Path) -> dict[tuple[str, float], list[Path]]:
    """The runs of ``plain`` once more with a budget of diversity, by who spends how much; nothing is tuned again."""
    folders: dict[tuple[str, float], list[Path]] = {budget: [] for budget in BUDGETS}
    for folder in plain:
        result = Result.model_validate_json((folder / "result.json").read_text())
        parameters = {arm.name: arm.parameters for arm in result.arms}
        for by, loss in BUDGETS:
            config = {
                **study.config,
                "seed": result.seed,
                "parameters": {name: parameters[name] for name in study.config["arms"]},
                "rank": {"reranker": "budget", "reranker_parameters": {"loss": loss, "by": by}},
            }
            folders[by, loss].append(finished(f"{study.name}-{by}", config, work))
    return folders


def finished(name: str, settings: dict[str, Any], work: Path) -> Path:
    """The folder of the run with these settings, which is run where no earlier call has."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]
    mark = work / f"{name}-{settings['seed']}-{digest}.txt"
    if mark.exists():
        return Path(mark.read_text())
    config = RunConfig.model_validate(
        {
            "measure": {"curves": False},
            **settings,
            "home": str(work),
            "runs_dir": name,
        }
    )
    folder = execute(config, load_plugins(), stages=PIPELINE)
    mark.write_text(str(folder))
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44])
    parser.add_argument(
        "--studies", nargs="+", choices=[study.name for study in STUDIES], default=["movielens-diversity"]
    )
    parser.add_argument("--work", type=Path, default=ROOT / ".recsat" / "results")
    parser.add_argument("--target", type=Path, default=ROOT / "docs" / "diversity.md")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("recsat.run").setLevel(logging.INFO)
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = os.environ.get("RECSAT_DATA")
    sections, left_out = [], []
    versions: dict[str, str] = {}
    for study in STUDIES:
        if study.name not in arguments.studies:
            continue
        if study.needs_folder and not (data and (Path(data) / study.needs_folder).is_dir()):
            left_out.append(
                f"{study.title}: left out, the environment's RECSAT_DATA names no folder with {study.needs_folder}."
            )
            continue
        folders = run_study(study, arguments.seeds, arguments.work)
        versions = json.loads((folders[0] / "result.json").read_text())["versions"]
        if study.diversified:
            sections.append(diversity_section(study.title, folders, run_diversified(study, folders, arguments.work)))
        else:
            sections.append(section(study.title, folders))
    today = datetime.now(UTC).date().isoformat()
    head = [
        "# Results",
        "",
        "Made by `python tests/benchmarks/results.py`. Hyperparameters come from each run's validation part; a user's value is "
        "the mean over the seeds; intervals (95 %) are bootstrapped over users; p-values are sign-flip tests, corrected after Holm "
        "over the arms of a split. The arms `…-words` read TF-IDF of the same texts in the language model's place. Best arms of a kind are picked by the figures "
        "printed here, which is in their favour and not in the default arm's.",
        "",
        f"{today}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores; "
        + ", ".join(f"{name} {version}" for name, version in versions.items() if name not in ("machine",))
        + ".",
        "",
    ]
    arguments.target.write_text("\n".join([*head, *sections, *left_out]).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
