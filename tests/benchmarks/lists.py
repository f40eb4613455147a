"""What a list costs that a saved model makes: CPU milliseconds for one user's ten with reasons and filters, and seconds to load the model.

Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/lists.py``, with ``--run FOLDER`` for the model of a run as well. Made-up films: users like 20 each,
drawn by a Zipf law, 5,000 users or a quarter as many as items; ready vectors of 256 numbers, drawn at random. The filters are those of the content domain, all of
which ask for something, and ``seen``. A list is the median over 50 users, each asked for alone, in one process; who is not known is
another column, and a list with an event of a moment ago folded in another.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import Dataset, Model, RunConfig
from recsat.contract.interactions import Catalogue
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog
from recsat.plugins import Plugins, load_plugins
from recsat.result.model import DataSummary
from recsat.stages.model.card import EncoderCard, ModelCard
from recsat.stages.model.keep import write_model
from recsat.stages.model.live import LiveModel
from recsat.stages.trial.fold import filter_context, serve_known
from recsat.stages.trial.inputs import RunInputs

LIKES, DIMENSION, N_ASKED = 20, 256, 50
FILTERS = ["seen", "content.language", "content.age_rating", "content.region", "content.licence", "content.freshness"]
SETTINGS = {"languages": ["en", "fr"], "max_age_rating": 16, "region": "FR", "max_age_days": 20_000}
START = datetime(2024, 1, 1, tzinfo=UTC)


def films(n_items: int, seed: int = 0) -> Dataset:
    """The data of the module's docstring."""
    rng = np.random.default_rng(seed)
    n_users = max(5_000, n_items // 4)
    weights = 1 / np.arange(1, n_items + 1)
    item = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random(n_users * LIKES)).clip(max=n_items - 1)
    ids = pl.Series([f"i{i}" for i in range(n_items)])
    genres = np.array(["Drama", "Comedy", "Western", "Crime", "Horror", "War", "Music", "Action"])
    items = pl.DataFrame(
        {
            "item_id": ids,
            "kind": ["movie"] * n_items,
            "title": [f"Film {i}" for i in range(n_items)],
            "genres": genres[rng.integers(0, 8, size=(n_items, 2))].tolist(),
            "language": rng.choice(["en", "fr", "de"], n_items),
            "age_rating": rng.choice([0, 12, 16, 18], n_items),
            "regions": [["FR", "DE"]] * n_items,
            "available_from": [START - timedelta(days=1)] * n_items,
            "available_until": [START + timedelta(days=9_000)] * n_items,
            "released": [START - timedelta(days=int(day)) for day in rng.integers(0, 15_000, n_items)],
        }
    ).sort("item_id")
    events = pl.DataFrame(
        {
            "user_id": pl.Series([f"u{u}" for u in range(n_users)]).gather(np.repeat(np.arange(n_users), LIKES)),
            "item_id": ids.gather(item),
            "event": ["rating"] * len(item),
            "value": [5.0] * len(item),
            "timestamp": pl.Series([START]).new_from_index(0, len(item)).dt.offset_by("1d"),
        }
    )
    return Dataset(items=items, events=events)


def item_vectors(n_items: int, intrinsic: int | None = None) -> NDArray[np.float32]:
    """(n_items, DIMENSION), of length 1, drawn at random; with ``intrinsic`` dimensions, as vectors of texts have few, and little noise beside them."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((n_items, DIMENSION), dtype=np.float32)
    if intrinsic is not None:
        plane = rng.standard_normal((intrinsic, DIMENSION), dtype=np.float32)
        vectors = rng.standard_normal((n_items, intrinsic), dtype=np.float32) @ plane + 0.3 * vectors
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def saved(arm: str, n_items: int, place: Path, plugins: Plugins, intrinsic: int | None = None) -> Path:
    """The folder of a model of ``arm`` with its default settings."""
    domain, dataset = plugins.domain("content"), films(n_items)
    vectors = item_vectors(n_items, intrinsic)
    config = RunConfig.model_validate(
        {"domain": "content", "domain_config": SETTINGS, "rank": {"filters": FILTERS, "device": "cpu"}}
    )
    inputs = RunInputs(
        dataset=dataset,
        catalogue=Catalogue(dataset.items),
        domain=domain,
        domain_config=domain.config.model_validate(SETTINGS),
        filters=plugins.filters_of_run(domain, FILTERS),
        vectors={"raw": vectors, "text": vectors, "words": item_vectors(n_items)[::-1].copy()},
    )
    at_end = filter_context(inputs, dataset.events)
    served = serve_known(inputs, [], dataset.events, at_end)
    fitted = plugins.recommenders(domain)[arm].make().fit(served.train)
    card = ModelCard(
        run_id="made up",
        created=START.isoformat(),
        domain="content",
        arm=arm,
        parameters={},
        split="",
        measures={},
        data_fingerprint="",
        data=DataSummary(
            n_users=dataset.events["user_id"].n_unique(),
            n_items=n_items,
            n_events=dataset.events.height,
            n_quarantined=0,
            simulated=True,
            source="",
        ),
        last_event=at_end.now,
        seed=0,
        encoder=EncoderCard(name="drawn at random", fingerprint="", dimension=DIMENSION),
        reranker=None,
        filters=FILTERS,
        fallbacks=[type(fallback).__name__ for fallback in served.fallbacks],
        config=config.model_dump(mode="json"),
        versions={},
    )
    write_model(place / arm, card, inputs, at_end, fitted, served.fallbacks)
    return place / arm


def rows(path: Path, plugins: Plugins) -> tuple[float, list[float], list[float], list[float]]:
    """CPU seconds to load, and for one list each of known users, of unknown ones, and of known ones with an event to fold in."""
    start = time.process_time()
    model = Model.load(path, plugins)
    loading = time.process_time() - start
    known = model.histories.ids.sample(N_ASKED, seed=0).to_list()
    model.recommend(known[:1])  # what is computed once for a model

    def seconds(user: str, answers: Model | LiveModel = model) -> float:
        begin = time.process_time()
        assert answers.recommend([user], k=10)["reason"].null_count() == 0
        return time.process_time() - begin

    with TemporaryDirectory() as folder, FeedbackLog(Path(folder)) as log:
        live = LiveModel(model, log)
        items = model.catalogue.ids
        likes = [
            FeedbackEvent(user_id=user, item_id=items[n], event="rating", value=5.0) for n, user in enumerate(known)
        ]
        log.append(likes)
        folded = [seconds(user, live) for user in known]
        assert live.sequence == 0  # each list folded its user's event in itself
    return loading, [seconds(user) for user in known], [seconds(f"nobody {i}") for i in range(N_ASKED)], folded


def line(name: str, n_items: int, path: Path, plugins: Plugins) -> str:
    loading, known, unknown, folded = rows(path, plugins)
    milliseconds = [
        1_000 * value for value in (median(known), max(known), median(unknown), median(folded), max(folded))
    ]
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 2**20
    return (
        f"| {name} | {n_items:,} | {size:.0f} | {loading:.2f} | "
        + " | ".join(f"{ms:.1f}" for ms in milliseconds)
        + " |"
    )


def command(run: Path) -> float:
    """CPU seconds of the whole command for one known user, the median of five."""
    code = "import sys, resource; from recsat.cli import main\nsys.argv = ['recsat', 'recommend', '1', '--run', sys.argv[1]]\n"
    code += "try:\n    main()\nfinally:\n    usage = resource.getrusage(resource.RUSAGE_SELF)\n    print(usage.ru_utime + usage.ru_stime, file=sys.stderr)"
    outputs = [
        subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=True).stderr
        for _ in range(5)
    ]
    return median(float(output.splitlines()[-1]) for output in outputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", nargs="*", default=["popularity", "text", "ease", "ials", "hybrid"])
    parser.add_argument("--large", nargs="*", default=["popularity", "text", "ials", "aligned"])
    parser.add_argument("--run", type=Path, help="a finished run on films")
    options = parser.parse_args()
    plugins = load_plugins(["content"])
    print(
        "| arm | items | MiB | load, CPU s | a list, CPU ms | the slowest of 50 | unknown user | fold-in and list | the slowest of 50 |\n|---|---|---|---|---|---|---|---|---|"
    )
    if options.run is not None:
        card = Model.load(options.run, plugins).card
        print(line(f"{card.arm} of the run", card.data.n_items, options.run / "model", plugins), flush=True)
    for n_items, arms in ((2_000, options.small), (100_000, options.large)):
        for arm in arms:
            with TemporaryDirectory() as place:
                print(line(arm, n_items, saved(arm, n_items, Path(place), plugins), plugins), flush=True)
    if options.run is not None:
        print(f"\nrecsat recommend 1 --run {options.run}: {command(options.run):.2f} CPU s")


if __name__ == "__main__":
    main()
