"""How often the report says rightly who gains: ``python tests/benchmarks/who_gains.py [seeds]``.

Worlds of 600 users in which a language arm finds more for explorers alone, for everybody alike, or for nobody.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))
from explorers import ExplorerWorld, gains_of

WORLDS = {
    "explorers alone gain": ExplorerWorld(),
    "explorers alone gain, half as much": replace(ExplorerWorld(), gain=0.15),
    "explorers alone gain, one item held out": replace(ExplorerWorld(), n_held_out=1),
    "everybody gains alike": replace(ExplorerWorld(), gain_of_loyal=0.3),
    "nobody gains": replace(ExplorerWorld(), gain=0.0),
}


def main(n_seeds: int) -> None:
    print("| world | said: explorers gain, and more than loyal users | said: a difference for some other habit |")
    print("|---|---|---|")
    for name, world in WORLDS.items():
        gains = [gains_of(world, seed) for seed in range(n_seeds)]
        others = [
            any(
                one.p_adjusted <= 0.05 and "explorers" not in (one.first, one.second)
                for one in of_seed.within.contrasts
            )
            for of_seed in gains
        ]
        n_right = sum(of_seed.tells_explorers for of_seed in gains)
        print(f"| {name} | {n_right / n_seeds:.1%} | {sum(others) / n_seeds:.1%} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
