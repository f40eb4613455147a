"""The sequence arm beside EASE and item neighbours, which are tuned on validation; the sequence arm keeps its defaults.

Run: ``python tests/benchmarks/sequence.py --splits last-n timeline warm --seeds 42``. Prints nDCG@10 on the test part with
95 % intervals over users, and the difference to EASE, user by user.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from folds import folds, ndcg_of, prepared, with_interval

from recsat.builtin.arms import RECOMMENDERS
from recsat.stages.trial.fold import Fold
from recsat.stages.trial.tune import settings_of

SPLITS = {"last-n": "last-n", "timeline": "timeline", "warm": "random", "cold": "cold-items", "mixed": "mixed"}
SPECS = {spec.name: spec for spec in RECOMMENDERS}


def tuned(name: str, fold: Fold) -> dict[str, object]:
    """The arm's settings with the best mean nDCG@10 on the validation fold; an arm with one setting is not fitted."""
    settings = settings_of(SPECS[name], {})
    if len(settings) == 1:
        return settings[0]
    scores = [ndcg_of(SPECS[name].make(**parameters).fit(fold.train), fold)["value"].mean() for parameters in settings]
    return settings[max(range(len(settings)), key=lambda i: float(scores[i] or 0.0))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="content")
    parser.add_argument("--splits", nargs="+", default=["last-n"], choices=sorted(SPLITS))
    parser.add_argument(
        "--arms", nargs="+", default=["ease", "item-knn", "sequence"], help="The first is compared with."
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    for seed in options.seeds:
        splits = [{"name": name, "protocol": SPLITS[name]} for name in options.splits]
        for split, (validation, test) in folds(prepared(options.domain, options.place, splits, seed=seed)).items():
            values = {}
            for name in options.arms:
                parameters = tuned(name, validation)
                start = time.process_time()
                arm = SPECS[name].make(**parameters).fit(test.train)
                seconds = time.process_time() - start
                values[name] = ndcg_of(arm, test, seed)["value"].to_numpy()
                print(
                    f"{split} seed {seed} {name:12} {with_interval(values[name])}  fit {seconds:.1f} CPU-s  {parameters}",
                    flush=True,
                )
            for name in options.arms[1:]:
                print(
                    f"{split} seed {seed} {name:12} minus {options.arms[0]}: {with_interval(values[name] - values[options.arms[0]])}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
