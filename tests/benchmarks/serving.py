"""What a list costs over HTTP: requests a second and milliseconds to the answer, beside the same model without HTTP and implicit's plain ``recommend``.

Run: ``OMP_NUM_THREADS=1 python tests/benchmarks/serving.py``, with ``--run FOLDER`` for the model of a run as well. The films of lists.py, 2,000 items and
5,000 users with 20 likes each; a request is ten items with reasons for one user under six filters. The load comes from a second process over
connections that stay open. *A second of a core* is 1 / CPU seconds of the service for each; percentiles are wall time at the client,
which shares the machine. implicit scores and cuts by what was liked, and gives neither reasons nor filters.

``--indexed 100000`` measures something else alone: a list of the arm ``text`` from a catalogue of that size, whole and with candidates from an embedded index,
whose graph is built first (many minutes of one core). Vectors are drawn at random, of which a graph finds few; with ``--intrinsic 16`` they lie near 16 dimensions,
as vectors of texts lie near few.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import psutil
from implicit.als import AlternatingLeastSquares
from lists import saved
from scipy.sparse import csr_matrix

from recsat import Model
from recsat.arms.text import TextSimilarity
from recsat.feedback.event import FeedbackEvent
from recsat.feedback.log import FeedbackLog
from recsat.lists.candidates import StoreRetriever, WideRetriever
from recsat.plugins import Plugins, load_plugins
from recsat.stages.model.live import LiveModel
from recsat.store import ItemIndex, publish
from recsat.store.edge import EdgeStore

N_ITEMS, N_LISTS, K = 2_000, 400, 10
LOAD = """
import json, sys, threading, time, httpx
address, connections, path, bodies = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.load(sys.stdin)
seconds = []
def send():
    with httpx.Client(base_url=address, timeout=60) as client:
        for body in todo:
            start = time.perf_counter()
            client.post(path, json=body).raise_for_status()
            seconds.append(time.perf_counter() - start)
class Shared:
    def __init__(self, rows): self.rows, self.lock = iter(rows), threading.Lock()
    def __iter__(self): return self
    def __next__(self):
        with self.lock: return next(self.rows)
todo = Shared(bodies)
threads = [threading.Thread(target=send) for _ in range(connections)]
start = time.perf_counter()
[thread.start() for thread in threads]; [thread.join() for thread in threads]
print(json.dumps({"seconds": seconds, "wall": time.perf_counter() - start}))
"""


@dataclass(frozen=True)
class Cost:
    name: str
    cpu_ms: float
    wall: np.ndarray
    """Seconds of each."""
    total: float

    def row(self) -> str:
        p50, p99 = 1e3 * np.quantile(self.wall, [0.5, 0.99])
        return f"| {self.name} | {self.cpu_ms:.1f} | {1e3 / self.cpu_ms:,.0f} | {len(self.wall) / self.total:,.0f} | {p50:.1f} | {p99:.1f} |"


def in_process(name: str, users: list[str], answer: Callable[[str], object]) -> Cost:
    answer(users[0])
    wall, cpu, start = [], time.process_time(), time.perf_counter()
    for user in users:
        before = time.perf_counter()
        answer(user)
        wall.append(time.perf_counter() - before)
    total = time.perf_counter() - start
    return Cost(name, 1e3 * (time.process_time() - cpu) / len(users), np.array(wall), total)


@contextmanager
def serving(model: Path, log: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The address and the process of ``recsat serve``."""
    options = ["serve", "--run", str(model), "--feedback", str(log), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from recsat.cli import main; main()", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stderr is not None
        address = next(match[1] for line in process.stderr if (match := re.search(r"running on (http://\S+)", line)))
        while httpx.get(f"{address}/readyz").status_code != 200:
            time.sleep(0.1)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def over_http(
    name: str, address: str, process: psutil.Process, connections: int, path: str, bodies: list[object]
) -> Cost:
    def cpu() -> float:
        times = process.cpu_times()
        return times.user + times.system

    def load(rows: list[object]) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-c", LOAD, address, str(connections), path],
            input=json.dumps(rows),
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(json.loads(done.stdout))

    if path == "/v1/recommend":
        load(bodies[:20])
    before = cpu()
    figures = load(bodies)
    return Cost(name, 1e3 * (cpu() - before) / len(bodies), np.array(figures["seconds"]), float(str(figures["wall"])))


def of_model(name: str, folder: Path, place: Path) -> Iterator[Cost]:
    model = Model.load(folder)
    users = model.histories.learnt_from.ids[:N_LISTS]
    users = (users * (N_LISTS // len(users) + 1))[:N_LISTS]
    yield in_process(f"{name}, `Model.recommend`", users, lambda user: model.recommend([user], k=K))
    with serving(folder, place / "log") as (address, process):
        bodies: list[object] = [{"users": [user], "k": K} for user in users]
        for connections in (1, 4):
            yield over_http(
                f"{name}, {connections} connections", address, process, connections, "/v1/recommend", bodies
            )
        tens: list[object] = [{"users": users[start : start + 10], "k": K} for start in range(0, N_LISTS, 10)]
        yield over_http(f"{name}, ten users a request (a request)", address, process, 1, "/v1/recommend", tens)
        yield over_http(
            f"{name}, an event on the disk",
            address,
            process,
            1,
            "/v1/events",
            [{"events": [event(i, user, model.catalogue.ids[i % 50])]} for i, user in enumerate(users)],
        )
    with FeedbackLog(place / "log-2") as log:
        live = LiveModel(model, log)
        log.append(
            [FeedbackEvent.model_validate(event(i, user, model.catalogue.ids[i % 50])) for i, user in enumerate(users)]
        )
        yield in_process(f"{name}, fold-in and list", users, lambda user: live.recommend([user], k=K))
        item = model.catalogue.ids[-1]
        yield in_process(f"{name}, why", users[:100], lambda user: live.why(user, item))


def of_index(n_items: int, intrinsic: int | None, place: Path, plugins: Plugins) -> Iterator[Cost]:
    """Lists of one model, scored whole and from the candidates of an index; how many are the same is printed."""
    model = Model.load(saved("text", n_items, place, plugins, intrinsic), plugins)
    users = model.histories.learnt_from.ids[:N_LISTS]
    index = ItemIndex.of("content", model.catalogue.items)
    assert isinstance(model.arm, TextSimilarity)
    with EdgeStore(place / "store") as store:
        published = publish(
            store,
            "content",
            index.ids,
            {"text": model.arm.item_vectors},
            model.catalogue.items.select("kind"),
            payload_indexes={"kind": "keyword"},
            encoder="drawn at random",
            mean="",
        )
        fast = replace(
            model, retriever=WideRetriever(StoreRetriever(store, published.collection, index, 256, published.exact))
        )
        yield in_process(
            f"text, {n_items:,} items, the whole catalogue", users, lambda user: model.recommend([user], k=K)
        )
        yield in_process(f"text, {n_items:,} items, from the index", users, lambda user: fast.recommend([user], k=K))
        key = ["user_id", "item_id"]
        whole, from_index = (one.recommend(users, k=K).select(key) for one in (model, fast))
        share = whole.join(from_index, on=key, how="semi").height / whole.height
        print(
            f"\nrecall of the graph {published.recall}, searched exactly: {published.exact}; {share:.1%} of the places are the same"
        )


def event(number: int, user: str, item: str) -> dict[str, object]:
    return {"event_id": f"e{number}", "user_id": user, "item_id": item, "event": "rating", "value": 5.0}


def of_implicit(folder: Path) -> Cost:
    """On the same likes; fitted here, since only the answer is timed."""
    users = Model.load(folder).histories.learnt_from
    likes = csr_matrix((users.history.data, users.history.indices, users.history.indptr), shape=users.history.shape)
    arm = AlternatingLeastSquares(factors=128, iterations=3, num_threads=1, random_state=0)
    arm.fit(likes, show_progress=False)
    rows = {user: row for row, user in enumerate(users.ids)}
    return in_process(
        "implicit ALS, `recommend`", users.ids[:N_LISTS], lambda user: arm.recommend(rows[user], likes[rows[user]], N=K)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run, or a model folder, to measure as well")
    parser.add_argument("--indexed", type=int, metavar="N_ITEMS", help="lists from an index of so many items, alone")
    parser.add_argument(
        "--intrinsic", type=int, metavar="N", help="of vectors that lie near so many dimensions, as those of texts do"
    )
    options = parser.parse_args()
    run = options.run
    plugins = load_plugins(["content"])
    print("| what | CPU ms | a second of a core | a second here | p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        place = Path(folder)
        if options.indexed:
            for cost in of_index(options.indexed, options.intrinsic, place, plugins):
                print(cost.row(), flush=True)
            return
        for arm in ("ials", "hybrid"):
            model = saved(arm, N_ITEMS, place, plugins)
            if arm == "ials":
                print(of_implicit(model).row(), flush=True)
            for cost in of_model(arm, model, place / f"of-{arm}"):
                print(cost.row(), flush=True)
        if run is not None:
            for cost in of_model("model of the run", run, place / "of-run"):
                print(cost.row(), flush=True)
    print(f"\nload of the machine: {os.getloadavg()[0]:.0f}")


if __name__ == "__main__":
    main()
