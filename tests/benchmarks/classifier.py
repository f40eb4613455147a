"""Whether a fine-tuned classifier of likes, as a reranker, puts more hits first: nDCG@10 before and after, paired over users.

Run: ``recsat finetune content --classifier --set 'splits=[{name: warm, protocol: random}]'``, then
``python tests/benchmarks/classifier.py runs/<id> --arms text ease --users 150``. Arms are tuned on validation and fitted on what is
known before the test; users are drawn among those who are judged on the test part and have a history.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

import torch
from folds import folds, interval, prepared

from recsat.rerank.classifier import ClassifierReranker, classifier_folder
from recsat.rerank.greedy import ByScore
from recsat.rerank.trade_off import by_user
from recsat.stages.trial.curves import scored_fold
from recsat.stages.trial.inputs import embedded_inputs
from recsat.stages.trial.request import request_of
from recsat.stages.trial.rerank import bind_texts
from recsat.stages.trial.tune import tune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of the fine-tuning run")
    parser.add_argument("--arms", nargs="+", default=["text", "ease"])
    parser.add_argument("--users", type=int, default=150)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.INFO)
    trained = json.loads((options.model / "config.json").read_text())
    rank = {"reranker": "classifier", "reranker_parameters": {"model": str(options.model)}}
    same = {name: trained[name] for name in ("domain_config", "data", "seed")}
    context = prepared(trained["domain"], options.place, trained["splits"], rank=rank, **same)
    request = request_of(context.config, context.domain)
    reranker = ClassifierReranker(classifier_folder(options.model), options.depth)
    print("| split | arm | users | before | after | difference (95 %) |\n|---|---|---:|---:|---:|---|")
    for split, (validation, test) in folds(context).items():
        reading = bind_texts(reranker, embedded_inputs(context), test)
        for name in options.arms:
            spec = context.plugins.recommenders(context.domain)[name]
            parameters = tune(name, spec, {}, validation, request).parameters
            scored = scored_fold(
                spec.make(**parameters).fit(test.train), context.domain, test, request, most_users=options.users
            )
            start = time.process_time()
            before, after = (by_user(scored, one)["ndcg"].to_numpy() for one in (ByScore(), reading))
            seconds = time.process_time() - start
            mean, low, high = interval(after - before)
            print(
                f"| {split} | {name} | {len(before)} | {before.mean():.4f} | {after.mean():.4f} "
                f"| {mean:+.4f} ({low:+.4f} to {high:+.4f}) |  {seconds:.0f} s of CPU, {parameters}",
                flush=True,
            )


if __name__ == "__main__":
    main()
