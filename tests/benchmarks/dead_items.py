"""What a thousand items that nobody chose cost the arms: nDCG@10 with them in the catalogue against nDCG@10 without.

Run: ``RECSAT_DATA=… python tests/benchmarks/dead_items.py``. The items are of the same publisher, drawn from those outside the core; splits, users and likes are the same.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from no_regret import gap, ndcg, parts_of, tuned
from public_sets import read, vectors_of

from recsat.plugins import load_plugins

ARMS = ("ease", "ease-text", "aligned", "hybrid")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=["movielens", "steam-reviews"])
    parser.add_argument("--protocols", nargs="*", default=["warm", "both"])
    parser.add_argument("--n-dead", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--cache", type=Path, default=Path(".recsat/cache"))
    options = parser.parse_args()
    plugins = load_plugins()
    specs = plugins.recommenders(plugins.domain("content"))
    print("| set | split | arm | without | with | difference | relative |\n|---|---|---|---:|---:|---|---:|")
    for name in options.sets:
        both = [read(name, n_dead=n) for n in (0, options.n_dead)]
        vectors = [vectors_of(one, options.cache) for one in both]
        for protocol in options.protocols:
            parts = [parts_of(one, of_one, protocol, options.seed) for one, of_one in zip(both, vectors, strict=True)]
            for arm in ARMS:
                point = tuned(specs[arm], parts[0][0]) if specs[arm].grid else {}
                before, after = (ndcg(specs[arm].make(**point).fit(test.train), test) for _, test in parts)
                mean, low, high = gap(after[:, None], before[:, None], protocol)
                value = float(np.nanmean(before))
                print(
                    f"| {name} | {protocol} | {arm} | {value:.4f} | {np.nanmean(after):.4f} | {mean:+.4f} ({low:+.4f} to {high:+.4f}) | {mean / value:+.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
