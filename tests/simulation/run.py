"""Many seeds, on all cores; and one seed with its trace: `python -m tests.simulation.run SEED`.

With the word `adopted` the seed's mirror is born of a disk with data on it; with `remembered` it is given to assemblies
as an engine would.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.world import World

_SHARE = 100
"""Seeds that a process takes at a time."""


def run_seeds(
    first: int, last: int, *, adopted: bool = False, remembered: bool = False
) -> tuple[Counter[str], dict[int, str]]:
    """Run seeds first..last-1: what they reached, and what went wrong by seed."""
    reached: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    for seed in range(first, last):
        world = World(seed, adopted=adopted, remembered=remembered)
        try:
            world.run()
        except Exception as problem:
            wrong[seed] = f"{type(problem).__name__}: {problem}"
        reached += world.reached
    return reached, wrong


def run_cuts(cuts: int, first: int = 0) -> tuple[Counter[str], dict[int, str]]:
    """Run seeds from `first` on until the power was cut that often."""
    reached: Counter[str] = Counter()
    wrong: dict[int, str] = {}
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers) as pool:
        while reached["cuts"] < cuts:
            starts = [first + n * _SHARE for n in range(workers * 4)]
            for some, bad in pool.map(run_seeds, starts, [start + _SHARE for start in starts]):
                reached += some
                wrong |= bad
            first = starts[-1] + _SHARE
    return reached, wrong


def replay(seed: int, *, adopted: bool = False, remembered: bool = False) -> None:
    """One seed, every step of it on stdout."""
    World(seed, print, adopted=adopted, remembered=remembered).run()


if __name__ == "__main__":
    replay(int(sys.argv[1]), adopted="adopted" in sys.argv, remembered="remembered" in sys.argv)
