"""Run as a script: builds the graphs of one closed shard and exits.

The engine holds the interpreter's lock for as long as it builds (minutes from 100,000 vectors on), so the store runs this
in a child process, which imports nothing but the engine.
"""

import sys

import qdrant_edge


def build(path: str) -> None:
    shard = qdrant_edge.EdgeShard.load(path)
    try:
        shard.optimize()
        shard.flush()
    finally:
        shard.close()


if __name__ == "__main__":
    build(sys.argv[1])
