"""What a changed title costs an embedded index: ``python tests/benchmarks/index_update.py 20000``.

Made-up text vectors of 384 numbers near a plane of 24 dimensions, published whole, then with four changed. CPU seconds are those of this process and of the
child that builds the graph.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time

import numpy as np
import polars as pl

from recsat.store import EdgeStore, point_ids, publish


def cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main(n: int) -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(n, 24)) @ rng.normal(size=(24, 384)) + 0.1 * rng.normal(size=(n, 384))).astype(
        np.float32
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    items = pl.DataFrame({"item_id": [str(i) for i in range(n)], "kind": "movie"})
    print("| publication | points sent | seconds | CPU seconds | recall@100 |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, EdgeStore(folder) as store:
        for name, rows in (
            ("whole", slice(0, 0)),
            ("four changed titles", slice(0, 4)),
            ("the same again", slice(0, 0)),
        ):
            vectors[rows] = -vectors[rows]
            clock, before = time.perf_counter(), cpu_seconds()
            done = publish(
                store,
                "benchmark",
                point_ids("benchmark", items),
                {"text": vectors},
                items.select("kind"),
                payload_indexes={"kind": "keyword"},
                encoder="benchmark",
            )
            recall = "" if done.recall is None else f"{done.recall:.3f}"
            print(
                f"| {name} | {done.n_new} | {time.perf_counter() - clock:.1f} | {cpu_seconds() - before:.1f} | {recall} |"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]))
