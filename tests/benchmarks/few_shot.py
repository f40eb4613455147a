"""The default arm beside plain cosine of texts where little was learnt from: 50 to 300 likes of a catalogue; writes docs/few-shot.md.

Run: ``RECSAT_DATA=… python tests/benchmarks/few_shot.py --out docs/few-shot.md``. The random split of each set; an arm learns from the users who come first in a drawn
order (:func:`recsat.stages.trial.learning.first_users`) and serves the same test users by all that is known of each. Differences are of users' means over the draws.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
from no_regret import gap, ndcg, parts_of
from public_sets import read, vectors_of

from recsat.plugins import load_plugins
from recsat.stages.trial.learning import first_users

SIZES = (50, 100, 300, 1_000)
BAR = 0.002
PAGE = f"""# Few interactions

At 50 to 300 likes the default arm may lie at most {BAR} nDCG@10 below `text`, plain cosine, which learns nothing. Means over draws of the users who are learnt from, 95 % intervals over users; an arm
serves the same test users by their whole histories. Written by `python tests/benchmarks/few_shot.py`.

| set | likes, up to | text | default arm | default arm minus text (95 %) | |
|---|---:|---:|---:|---|---|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=["movielens", "steam-200k", "scientific"])
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--draws", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--cache", type=Path, default=Path(".recsat/cache"))
    parser.add_argument("--results", type=Path, help="a file of JSON lines with the values of every draw")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = [row for name in options.sets for row in rows_of(name, options)]
    page = PAGE + "\n".join(rows) + "\n"
    print(page)
    if options.out:
        options.out.write_text(page, encoding="utf-8")


def rows_of(name: str, options: argparse.Namespace) -> list[str]:
    draws, cache, results = options.draws, options.cache, options.results
    one, plugins = read(name), load_plugins()
    specs = plugins.recommenders(plugins.domain("content"))
    _, test = parts_of(one, vectors_of(one, cache), "warm", 42)
    rows = []
    for size in options.sizes:
        values: dict[str, list[np.ndarray]] = {"text": [], "hybrid": []}
        for draw in draws:
            train = first_users(test.train, size / test.train.users.history.nnz, draw)
            for arm, of_draws in values.items():
                fitted = specs[arm].make().fit(train)
                of_draws.append(ndcg(fitted, test))
                learnt = {"set": name, "likes": int(train.users.history.nnz), "users": len(train.users), "draw": draw}
                learnt |= {
                    "arm": arm,
                    "ndcg": float(np.nanmean(of_draws[-1])),
                    "summary": getattr(fitted, "summary", ""),
                }
                print(json.dumps(learnt), flush=True)
                if results:
                    with results.open("a") as file:
                        file.write(json.dumps(learnt) + "\n")
        text, default = (np.mean(of_draws, axis=0) for of_draws in values.values())
        mean, low, high = gap(default[:, None], text[:, None], "warm")
        holds = "" if size > 300 else "holds" if mean >= -BAR else "**does not hold**"
        of_difference = "the same" if np.isnan(low) else f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"
        rows.append(
            f"| {name} | {size:,} | {np.nanmean(text):.4f} | {np.nanmean(default):.4f} | {of_difference} | {holds} |"
        )
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
