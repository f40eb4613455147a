"""What a saved arm takes on the disk, and how long it takes to save and to load beside a fit.

Run: ``python tests/benchmarks/saved_arms.py``, or ``--domain`` and ``--arms`` for others. Every arm has its default settings and is fitted
once, on training and validation together; saving and loading are the median of three. Loading is of an arm whose module is imported and
whose vectors are read, each digest computed once before.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from folds import folds, prepared

from recsat.arms.saved import ArmItems, load_arm, save_arm
from recsat.builtin.arms import RECOMMENDERS
from recsat.contract.interactions import TrainingData

SPECS = {spec.name: spec for spec in RECOMMENDERS if spec.control is None and not spec.reads_users}


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(name: str, train: TrainingData, items: ArmItems) -> str:
    arm = SPECS[name].make()
    fit = seconds(lambda: arm.fit(train))
    with TemporaryDirectory() as place:
        folder = Path(place) / name
        saves = [seconds(lambda: save_arm(arm, folder, name=name, items=items)) for _ in range(3)]
        loads = [seconds(lambda: load_arm(SPECS[name].make(), folder, name=name, items=items)) for _ in range(3)]
        size = sum(path.stat().st_size for path in folder.iterdir())
    return f"| {name} | {size / 2**20:.2f} | {fit:.2f} | {median(saves):.2f} | {median(loads):.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="content")
    parser.add_argument("--arms", nargs="+", default=list(SPECS), choices=sorted(SPECS))
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    context = prepared(options.domain, options.place, [{"name": "warm", "protocol": "random"}])
    _, test = folds(context)["warm"]
    items = ArmItems(test.train.catalogue, test.train.vectors)
    digests = seconds(lambda: (items.digests, items.catalogue_digest))
    vectors = sum(array.nbytes for array in items.vectors.values())
    print(
        f"{len(items.catalogue)} items, {len(test.train.users)} users; digests of {vectors / 2**20:.0f} MiB of vectors: {digests:.2f} s"
    )
    print("| arm | MiB | fit s | save s | load s |\n|---|---|---|---|---|")
    for name in options.arms:
        print(row(name, test.train, items), flush=True)


if __name__ == "__main__":
    main()
