"""Families of models beside each other: what each is worth on one data set, and what it costs. Writes docs/encoders.md.

Run: ``RECSAT_DATA=… python tests/benchmarks/encoders.py --out docs/encoders.md`` with the packages of :mod:`packaged_encoders`; a folder of your own by ``--model NAME=FOLDER``. Beside the models stand the words of the texts without any model, and the default model's
vectors handed to other items. A model that is not installed is left out, and said to be. Vectors and values are kept under ``--place``, so that a run that was cut short goes on.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from no_regret import Values, ndcg, parts_of
from numpy.typing import NDArray
from packaged_encoders import MODELS
from public_sets import PublicSet, read

from recsat.config.settings import MeasureSettings
from recsat.embed.centre import centre
from recsat.embed.transformer import TransformerEncoder
from recsat.embed.words import word_vectors
from recsat.errors import EncoderError
from recsat.measure.comparisons import compare
from recsat.plugins import load_plugins

ARMS = {"text": "text", "aligned": "aligned", "hybrid": "default arm"}
PARAMETERS = {"aligned": {"l2": 3.0, "popularity_power": 0.0}, "text": {}, "hybrid": {}}
FIRST = "minilm"


@dataclass(frozen=True)
class Encoded:
    """A way to make vectors of texts, and what it took."""

    label: str
    family: str
    vectors: NDArray[np.float32]
    """As encoded, (n_items, d)."""
    seconds: float | None
    n_bytes: int | None
    """Of the weights on disk."""


def encoded(name: str, label: str, family: str, folder: Path, texts: list[str]) -> Encoded:
    """All of ``texts``, one thread; seconds of CPU without loading."""
    prompt = "query: " if "e5" in name else None
    encoder = TransformerEncoder(folder, name=label, device="cpu", prompt=prompt)
    encoder.encode(texts[:8])
    before = _cpu()
    vectors = encoder.encode(texts)
    return Encoded(label, family, vectors, _cpu() - before, (folder / "model.safetensors").stat().st_size)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def all_of(one: PublicSet, place: Path, models: Mapping[str, tuple[str, str, Path]]) -> dict[str, Encoded]:
    """Each model's vectors, then the controls'; kept under ``place``, for they are what takes the time."""
    ways: dict[str, Encoded] = {}
    for name, (label, family, folder) in models.items():
        file = place / f"{one.name}-{name}.npz"
        if not file.exists():
            way = encoded(name, label, family, folder, one.texts)
            np.savez(file, vectors=way.vectors, seconds=way.seconds, n_bytes=way.n_bytes)
        arrays = np.load(file)
        ways[name] = Encoded(label, family, arrays["vectors"], float(arrays["seconds"]), int(arrays["n_bytes"]))
    width = ways[FIRST].vectors.shape[1]
    before = _cpu()
    words = word_vectors(one.texts, width)
    ways["words"] = Encoded("words, no model", "TF-IDF, its singular directions", words, _cpu() - before, None)
    order = np.random.default_rng(0).permutation(len(one.texts))
    ways["permuted"] = Encoded(
        "the default's, permuted", "vectors of other items", ways[FIRST].vectors[order], None, None
    )
    return ways


def judged(
    one: PublicSet, name: str, way: Encoded, words: NDArray[np.float32], protocol: str, seeds: list[int], place: Path
) -> dict[str, Values]:
    """nDCG@10 by arm, (n_users, n_draws) over all users of the set, NaN who is not judged in a draw; a draw for each seed."""
    plugins = load_plugins(["content"])
    specs = plugins.recommenders(plugins.domain("content"))
    vectors = {"raw": way.vectors, "text": centre(way.vectors)[0], "words": centre(words)[0]}
    everybody = one.events["user_id"].unique().sort()
    by_draw = []
    for seed in seeds:
        file = place / f"{one.name}-{name}-{protocol}-{seed}.npz"
        if not file.exists():
            _, test = parts_of(one, vectors, protocol, seed)
            rows = everybody.search_sorted(test.users.id_series).to_numpy()
            values = {arm: np.full(len(everybody), np.nan) for arm in ARMS}
            for arm in ARMS:
                values[arm][rows] = ndcg(specs[arm].make(**PARAMETERS[arm]).fit(test.train), test)
            np.savez(file, **values)
        by_draw.append(np.load(file))
    return {arm: np.stack([values[arm] for values in by_draw], axis=1) for arm in ARMS}


def mean(values: Values) -> float:
    """Over draws, of the means over their users."""
    return float(np.nanmean(values, axis=0).mean())


def gap(one: Values, other: Values) -> tuple[float, float, float]:
    """The mean paired difference and its 95 % interval: over users, and over draws where there are several."""
    interval = compare((one - other)[:, None, :], settings=MeasureSettings(), seed=0).intervals
    return float(interval.mean[0]), float(interval.low[0]), float(interval.high[0])


def table(one: PublicSet, ways: Mapping[str, Encoded], protocol: str, seeds: list[int], place: Path) -> list[str]:
    values = {}
    for name, way in ways.items():
        before = _cpu()
        values[name] = judged(one, name, way, ways["words"].vectors, protocol, seeds, place)
        means = {arm: round(mean(of_arm), 4) for arm, of_arm in values[name].items()}
        print(one.name, protocol, name, means, f"{_cpu() - before:.0f} s", file=sys.stderr, flush=True)
    lines = [
        f"| encoder | family | {' | '.join(f'{label}, minus words' for label in ARMS.values())} | numbers | weights, MB | CPU s |",
        "|---|---|" + "---|" * len(ARMS) + "---:|---:|---:|",
    ]
    for name, way in ways.items():
        cells = []
        for arm in ARMS:
            value = mean(values[name][arm])
            if name == "words":
                cells.append(f"{value:.4f}")
                continue
            difference, low, high = gap(values[name][arm], values["words"][arm])
            bold = "**" if low > 0 or high < 0 else ""
            cells.append(f"{value:.4f}, {bold}{difference:+.4f} ({low:+.4f} to {high:+.4f}){bold}")
        size = "" if way.n_bytes is None else f"{way.n_bytes / 1e6:.0f}"
        seconds = "" if way.seconds is None else f"{way.seconds:.0f}" if way.seconds >= 10 else f"{way.seconds:.1f}"
        lines.append(
            f"| {way.label} | {way.family} | {' | '.join(cells)} | {way.vectors.shape[1]} | {size} | {seconds} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["movielens", "scientific", "steam-reviews"])
    parser.add_argument("--protocol", default="both")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 43, 44])
    parser.add_argument("--models", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--place", type=Path, default=Path(".recsat/benchmarks"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--block", default="tables", help="between which marks of the page the tables go")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.place.mkdir(parents=True, exist_ok=True)
    models: dict[str, tuple[str, str, Path]] = {}
    for name, (label, make, family) in MODELS.items():
        if name not in {FIRST, *options.models}:
            continue
        try:
            models[name] = label, family, make(options.place)
        except EncoderError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    for model in options.model:
        name, _, folder = model.partition("=")
        models[name] = name, "yours", Path(folder)
    sections = []
    for name in options.sets:
        one = read(name)
        ways = all_of(one, options.place, models)
        users = one.events["user_id"].n_unique()
        heading = f"### {name}: {users:,} users, {len(one.texts):,} texts, split `{options.protocol}`, {len(options.seeds)} {'draw' if len(options.seeds) == 1 else 'draws'}"
        sections.append("\n".join([heading, "", *table(one, ways, options.protocol, options.seeds, options.place)]))
    text = "\n\n".join(sections) + "\n"
    if options.out is None:
        print(text)
        return
    page = options.out.read_text(encoding="utf-8") if options.out.exists() else "# Encoders\n"
    begin, end = f"<!-- {options.block} -->\n", f"<!-- end of {options.block} -->"
    head, _, rest = page.partition(begin)
    options.out.write_text(f"{head}{begin}\n{text}\n{end}{rest.partition(end)[2] or chr(10)}", encoding="utf-8")


if __name__ == "__main__":
    main()
