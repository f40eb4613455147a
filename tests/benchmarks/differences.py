"""How often intervals of a paired difference hold the truth, and how often they contradict the sign-flip test, over worlds whose truth is zero.

Run: ``python tests/benchmarks/differences.py --worlds 2000 --out docs/coverage-differences.md``. Every world has two arms of one mean over n users;
the intervals are BCa, plain t and the symmetric bootstrap-t of :mod:`recsat.measure.differences`, all from 1,000 resamples. Fails where the bootstrap-t
covers less than 93 % at 100 users or more, or outside 93.5 to 96.5 % where values are like those of an accuracy measure.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from recsat.measure.differences import difference_intervals
from recsat.measure.intervals import bootstrap_intervals
from recsat.measure.significance import sign_flip_test

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int], Values]
ALPHA, N_BOOTSTRAP, TOGETHER = 0.05, 1000, 50
SIZES = (20, 100, 600, 5000)


def noisy(rng: np.random.Generator, n: int, m: int) -> Values:
    """Two noisy versions of one arm whose values look like nDCG: a third are zero, the others between 0 and 1."""
    base = rng.beta(1.2, 2.2, (n, m)) * (rng.random((n, m)) > 0.35)
    a, b = (base * rng.beta(8, 2, (n, m)) for _ in range(2))
    return a - b


def few_gain(rng: np.random.Generator, n: int, m: int) -> Values:
    """Eight users of a hundred gain much, the rest lose a little; the mean is nothing."""
    gains = rng.random((n, m)) < 0.08
    return np.where(gains, rng.exponential(0.4, (n, m)), -rng.uniform(0, 2 * 0.4 * 0.08 / 0.92, (n, m)))


def fewer_gain_more(rng: np.random.Generator, n: int, m: int) -> Values:
    """Harder: five of a hundred gain, lognormally."""
    gains, mean = rng.random((n, m)) < 0.05, 0.3 * np.exp(0.5)
    return np.where(gains, 0.3 * rng.lognormal(0, 1, (n, m)), -rng.uniform(0, 2 * mean * 0.05 / 0.95, (n, m)))


def money(rng: np.random.Generator, n: int, m: int) -> Values:
    """What two groups of baskets spend: four users of a hundred buy, for a lognormal amount."""
    a, b = ((rng.random((n, m)) < 0.04) * rng.lognormal(0, 1.2, (n, m)) for _ in range(2))
    return a - b


def big_against_small(rng: np.random.Generator, n: int, m: int) -> Values:
    """One big buyer in a hundred against four small ones, of the same mean."""
    big = (rng.random((n, m)) < 0.01) * 4 * rng.lognormal(0, 1.2, (n, m))
    small = (rng.random((n, m)) < 0.04) * rng.lognormal(0, 1.2, (n, m))
    return big - small


def hits(rng: np.random.Generator, n: int, m: int) -> Values:
    """A hit in one list of ten against the same in another."""
    return (rng.random((n, m)) < 0.1).astype(float) - (rng.random((n, m)) < 0.1)


ANY, ACCURACY, NO_BAR = (0.93, 1.0), (0.935, 0.965), (0.0, 1.0)
WORLDS: dict[str, tuple[Draw, tuple[float, float]]] = {
    "two noisy versions of one arm": (noisy, ACCURACY),
    "8 % of users gain much, the rest lose a little": (few_gain, ANY),
    "money, both 4 % buyers": (money, ANY),
    "money, 1 % big against 4 % small buyers": (big_against_small, ANY),
    "hit against hit, p = .1": (hits, ANY),
    "harder, no bar: 5 % gain, lognormally": (fewer_gain_more, NO_BAR),
}
"""How values are drawn, and what the coverage of the bootstrap-t must lie within at 100 users or more."""


def covered(draw: Draw, n: int, n_worlds: int, seed: int) -> dict[str, float]:
    """Shares of worlds: covered by each interval, rejected by the test, and in which interval and test disagree."""
    rng = np.random.default_rng(seed)
    rows = {"bca": [], "t": [], "sign-flip": [], "bootstrap-t": [], "disagree bca": [], "disagree bootstrap-t": []}  # type: dict[str, list[Values]]
    for start in range(0, n_worlds, TOGETHER):
        d = draw(rng, n, min(TOGETHER, n_worlds - start))
        p = sign_flip_test(d)
        half = student.ppf(1 - ALPHA / 2, n - 1) * d.std(axis=0, ddof=1) / np.sqrt(n)
        rows["t"].append(np.abs(d.mean(axis=0)) <= half)
        rows["sign-flip"].append(p > ALPHA)
        for name, make in (("bca", bootstrap_intervals), ("bootstrap-t", difference_intervals)):
            intervals = make(d, confidence=1 - ALPHA, n_bootstrap=N_BOOTSTRAP, seed=start)
            holds = ~((intervals.low > 0) | (intervals.high < 0))  # no interval says nothing, so nothing wrong
            rows[name].append(holds)
            rows[f"disagree {name}"].append(holds != (p > ALPHA))
    return {name: float(np.concatenate(values).mean()) for name, values in rows.items()}


def table(n_worlds: int, sizes: tuple[int, ...]) -> Iterator[tuple[str, int, tuple[float, float], dict[str, float]]]:
    for name, (draw, bar) in WORLDS.items():
        for n in sizes:
            yield name, n, bar, covered(draw, n, n_worlds if n < 5000 else max(1, n_worlds // 4), seed=n)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    start, lines, below = time.process_time(), [], []
    for name, n, bar, share in table(options.worlds, SIZES):
        cells = " | ".join(f"{share[key]:.3f}" for key in ("bca", "t", "sign-flip", "bootstrap-t"))
        lines.append(
            f"| {name} | {n:,} | {cells} | {share['disagree bca']:.1%} | {share['disagree bootstrap-t']:.1%} |"
        )
        print(lines[-1], flush=True)
        if n >= 100 and not bar[0] <= share["bootstrap-t"] <= bar[1]:
            below.append(f"{name}, {n:,} users: {share['bootstrap-t']:.3f}")
    text = PAGE.format(worlds=options.worlds, rows="\n".join(lines), below="; ".join(below) or "none")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(f"{time.process_time() - start:.0f} s of CPU; outside the bar: {'; '.join(below) or 'none'}")
    return bool(below)


PAGE = """# How often intervals of differences hold the truth

Made by `python tests/benchmarks/differences.py --worlds {worlds} --out docs/coverage-differences.md`. Two arms of one mean, so the truth is 0; {worlds:,} worlds a
row (a quarter at 5,000 users). Shares of worlds whose interval holds 0, or whose test does not reject; and shares in which interval and sign-flip test
contradict each other.

| difference | users | BCa | plain t | sign-flip | symmetric bootstrap-t | BCa against the test | bootstrap-t against the test |
|---|---:|---:|---:|---:|---:|---:|---:|
{rows}

Bar: at least .93 at 100 users or more, .935 to .965 where values are like those of an accuracy measure. Outside it: {below}.
"""

if __name__ == "__main__":
    sys.exit(main())
