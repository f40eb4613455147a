"""Models are loaded by one thread at a time."""

from __future__ import annotations

import subprocess
import sys

THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor

from recsat import RunConfig
from recsat.plugins import load_plugins

encoders = [load_plugins([]).encoder("minilm").make(RunConfig().encoder) for _ in range(3)]
sys.setswitchinterval(1e-5)
with ThreadPoolExecutor(3) as threads:
    print([vectors.shape for vectors in threads.map(lambda encoder: encoder.encode(["a film"]), encoders)])
"""


def test_threads_that_embed_first_of_all_in_their_process_each_have_their_model() -> None:
    """transformers, named by two threads at once for the first time, gives one of them an ImportError."""
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=False)
    assert done.stdout == "[(1, 384), (1, 384), (1, 384)]\n", done.stderr
