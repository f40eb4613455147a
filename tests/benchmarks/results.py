"""Every arm over several seeds of public data, with paired intervals.

    python tests/benchmarks/results.py --target FILE    about an hour of one core

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

from results_tables import section

from recsat import RunConfig
from recsat.plugins import load_plugins
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


STUDIES = [
    Study(
        name="movielens",
        title="Content: MovieLens latest-small, rating ≥ 4, 5-core",
        config={"domain": "content", "splits": RANDOM, "arms": ARMS},
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
    return [
        finished(study.name, {**study.config, "seed": seed}, work) for seed in (seeds if study.seeds else seeds[:1])
    ]


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
    names = [study.name for study in STUDIES]
    parser.add_argument("--studies", nargs="+", choices=names, default=names)
    parser.add_argument("--work", type=Path, default=ROOT / ".recsat" / "results")
    parser.add_argument("--target", type=Path, required=True)
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
