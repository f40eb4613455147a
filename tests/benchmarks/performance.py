"""The page of speed and memory: runs the benchmarks that have a peer or a limit in them, one after the other, and writes what they print.

Run: ``python tests/benchmarks/performance.py --out docs/performance.md``. Every benchmark is a process of one thread; peers count where they are installed
beside recsat. A benchmark that falls behind its bar ends with the exit status 1, and the page says so; this one's exit status is 1 where one did.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

FOLDER = Path(__file__).parent
PACKAGES = (
    "torch", "numpy", "scipy", "polars", "transformers", "sentence-transformers", "onnxruntime", "implicit", "pm-implicit", "RecTools", "ranx",
)  # fmt: skip
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"), "1")
TRACEBACK = "Traceback (most recent call last)"
"""Python's exit status is 1 as well where a benchmark breaks."""


@dataclass(frozen=True)
class Part:
    title: str
    bar: str
    command: str
    """The benchmark's file and its options."""


PARTS = (
    Part(
        "Embedding",
        "float32 ahead of sentence-transformers and ONNX Runtime, and at least .85 of the products alone",
        "embedding.py --texts 150 --rounds 5",
    ),
    Part(
        "Exact lists",
        "at most 1.3 times a product, seen items and a selection, and ahead of implicit and RecTools; reasons at most 1.5 times",
        "exact_lists.py --users 512 --rounds 5",
    ),
    Part(
        "EASE and reasons",
        "a fit at most 1.15 times LAPACK, scores at most 1.5 times embedding_bag, reasons at most 1.5 times the lists without",
        "item_item.py",
    ),
    Part("Accuracy measures", "5 times as fast as ranx, and ahead of RecTools", "accuracy.py"),
    Part("One cached text", "flat, at most .01 s", "cache.py --stored 1000 10000 100000"),
    Part("Memory of evaluation", "at most 6 KiB a user for ten arms", "evaluation_memory.py"),
    Part("Memory of items × items", "what an arm's specification says is within 30 %", "item_pairs.py --items 4000"),
)


def machine() -> str:
    """One line of the processor, its memory and the system."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [
            line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        name = names[0] if names else name
    gib = psutil.virtual_memory().total / 2**30
    return (
        f"{name}, {psutil.cpu_count()} threads, {gib:.0f} GiB, {platform.system()}, Python {platform.python_version()}"
    )


def versions() -> str:
    there = []
    for package in PACKAGES:
        try:
            there.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(there)


def section(part: Part) -> tuple[str, bool]:
    """A part of the page, and whether its bar was reached."""
    script, *options = part.command.split()
    run = subprocess.run(
        [sys.executable, str(FOLDER / script), *options],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | ONE_THREAD,
    )
    if run.returncode not in (0, 1) or not run.stdout.strip() or TRACEBACK in run.stderr:
        raise SystemExit(f"{part.command} ended with {run.returncode}:\n{run.stderr[-2_000:]}")
    word = "reached" if run.returncode == 0 else "**not reached**"
    text = f"## {part.title}\n\nBar: {part.bar}. Here: {word}. `python tests/benchmarks/{part.command}`\n\n```text\n{run.stdout.strip()}\n```\n"
    return text, run.returncode == 0


def page(parts: tuple[Part, ...]) -> tuple[str, bool]:
    """The page, and whether every bar was reached."""
    load = psutil.getloadavg()[0]
    sections, reached = [], True
    for part in parts:
        text, is_reached = section(part)
        print(f"{part.title}: {'reached' if is_reached else 'not reached'}", flush=True)
        sections.append(text)
        reached &= is_reached
    head = (
        f"# Performance\n\nMade by `python tests/benchmarks/performance.py --out docs/performance.md`, {date.today():%d %B %Y}, on {machine()}. "
        f"{versions()}.\nThe machine's load was {load:.1f} at the start. Figures are processor time of one thread, medians of runs that take turns, so that "
        "ratios hold where the machine does other work beside; absolute figures do not.\nA peer that is not in a table was not installed. "
        "Each block is what the command above it printed that day: no build of these pages runs them, for they take hours and their figures are the machine's.\n"
    )
    return "\n".join([head, *sections]), reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[part.title for part in PARTS], help="titles of parts")
    options = parser.parse_args()
    text, reached = page(tuple(part for part in PARTS if part.title in options.only))
    options.out.write_text(text, encoding="utf-8")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
