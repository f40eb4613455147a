"""Whether a causal language model, as a reranker, puts more hits first: nDCG@10 before and after, paired over users, by its share in the order.

Run: ``python -m recsat.embed.smollm2 FOLDER``, then ``python tests/benchmarks/language_model.py FOLDER --users 350``. The hybrid is fitted on what is known before the test of a
random split of the films that come with the content domain; users are drawn once, and nothing is looked at before all are done: under 300 users a difference
of this size is not told from nothing.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import torch
from folds import folds, interval, prepared

from recsat.rerank.greedy import ByScore
from recsat.rerank.language_model import LanguageModel, Likelihood
from recsat.rerank.trade_off import by_user
from recsat.stages.trial.curves import scored_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.request import request_of
from recsat.stages.trial.rerank import bind_texts

SHARES = (0.1, 0.25, 0.5, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a causal model")
    parser.add_argument("--arm", default="hybrid")
    parser.add_argument("--users", type=int, default=350)
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.INFO)
    context = prepared("content", options.place, [{"name": "warm", "protocol": "random"}], seed=42)
    _, test = folds(context)["warm"]
    fitted = context.plugins.recommenders(context.domain)[options.arm].make().fit(test.train)
    request = request_of(context.config, context.domain)
    scored = scored_fold(fitted, context.domain, test, request, most_users=options.users)
    before = by_user(scored, ByScore())["ndcg"].to_numpy()
    print(
        f"{options.arm}, {len(before)} users: {before.mean():.4f}\n\n| share | after | difference (95 %) | s of CPU |\n|---:|---:|---|---:|"
    )
    scorer = Likelihood(options.model.absolute(), device="cpu", folder=str(options.place / "answers"))
    for share in SHARES:
        reranker = bind_texts(LanguageModel(scorer, share), embedded_inputs(context), test)
        start = time.process_time()
        after = by_user(scored, reranker)["ndcg"].to_numpy()
        seconds = time.process_time() - start
        mean, low, high = interval(after - before)
        print(
            f"| {share:g} | {after.mean():.4f} | {mean:+.4f} ({low:+.4f} to {high:+.4f}) | {seconds:.0f} |", flush=True
        )


if __name__ == "__main__":
    main()
