"""The mirror under simulated power cuts: no seed may find a broken promise, and the seeds must reach what matters."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.simulation.departures import DEPARTURES
from tests.simulation.lagging import LAGGING
from tests.simulation.late import LATE
from tests.simulation.mutants import MUTANTS, Mutant, broken
from tests.simulation.overdue import OVERDUE
from tests.simulation.races import RACES
from tests.simulation.repairing import REPAIRING
from tests.simulation.run import run_cuts, run_seeds
from tests.simulation.size_races import SIZE_RACES
from tests.simulation.table_races import TABLE_RACES
from tests.simulation.winning import WINNING

WORLDS = 150
"""Seeds of every run of the tests."""
FEW = 100
"""Seeds that every run of the tests affords for a mutant."""
BORN_OF_A_DISK = 30
"""Seeds whose mirrors are born of a disk with data on it."""
REMEMBERED = 40
"""Seeds whose mirrors are given to assemblies as an engine would."""
FIRST = int(os.environ.get("MIRRORTUI_SEED", "0"))
CUTS = int(os.environ.get("MIRRORTUI_CUTS", "20000"))

MUST_REACH = {
    "cut in assembly": 0.01,
    "cut between superblocks": 0.02,
    "cut in a sync": 0.01,
    "last copy hit": 0.01,
    "landed late": 0.001,
    "mirror-recovered": 0.002,
    "re-add during sync": 0.001,
    "boot without a member": 0.01,
    "recovery-finished": 0.05,
    "spare-activated": 0.0005,
    "member-replaced": 0.01,
    "cut in a replacement": 0.005,
    "cut when it was filled": 0.0002,
    "boot without a replacement": 0.0001,
    "replacements given up": 0.0005,
    "sectors decayed": 0.05,
    "read-error-corrected": 0.005,
    "bad-blocks-found": 0.0002,
    "bad-blocks-copied": 0.005,
    "retested": 0.01,
    "grown in size": 0.01,
    "inline writes": 1.0,
}
"""What the seeds must come to, as a share of the power cuts."""

BORN_MUST_REACH = [
    "adopted",
    "copied into a member",
    "cut in an adoption",
    "adoptions that failed",
    "members all the same",
    "copies that were not kept",
    "cut in a sync",
    "recovery-finished",
    "member-re-added",
]


def report(reached: Counter[str], wrong: dict[int, str], kind: str = "") -> None:
    """Say what happened; a stranger can replay what failed."""
    print(f"\nsimulated {reached['cuts']} power cuts, {reached['device operations']} device operations:")
    for what, count in sorted(reached.items()):
        print(f"  {count:10d}  {what}")
    assert not wrong, "\n".join(
        f"seed {seed}: {problem}\n  replay: python -m tests.simulation.run {seed} {kind}"
        for seed, problem in wrong.items()
    )


def test_worlds_keep_every_promise() -> None:
    reached, wrong = run_seeds(FIRST, FIRST + WORLDS)
    report(reached, wrong)
    assert reached["cuts"] >= WORLDS


def test_mirrors_that_are_born_of_a_disk_with_data_keep_every_promise() -> None:
    reached, wrong = run_seeds(FIRST, FIRST + BORN_OF_A_DISK, adopted=True)
    report(reached, wrong)
    assert reached["adopted"] + reached["copied into a member"] == BORN_OF_A_DISK
    assert reached["cut in an adoption"] > BORN_OF_A_DISK / 2


def test_a_mirror_that_nobody_used_apart_starts_from_what_its_engine_remembers() -> None:
    reached, wrong = run_seeds(FIRST, FIRST + REMEMBERED, remembered=True)
    report(reached, wrong, "remembered")
    assert reached["member-replaced"]


@pytest.mark.slow
def test_many_mirrors_that_nobody_used_apart_start_from_what_their_engine_remembers() -> None:
    reached, wrong = run_seeds(FIRST + REMEMBERED, FIRST + 4 * REMEMBERED, remembered=True)
    report(reached, wrong, "remembered")
    assert reached["boot without the forgotten"]
    assert reached["known to be older"]


@pytest.mark.slow
def test_many_mirrors_that_are_born_of_a_disk_with_data_keep_every_promise() -> None:
    reached, wrong = run_seeds(FIRST + BORN_OF_A_DISK, FIRST + 8 * BORN_OF_A_DISK, adopted=True)
    report(reached, wrong)
    assert not [what for what in BORN_MUST_REACH if not reached[what]]


@pytest.mark.slow
@pytest.mark.cuts
@pytest.mark.timeout(1500)
def test_twenty_thousand_power_cuts_keep_every_promise() -> None:
    reached, wrong = run_cuts(CUTS, FIRST)
    report(reached, wrong)
    short = {
        what: reached[what] for what, share in MUST_REACH.items() if reached[what] < share * reached["cuts"]
    }
    assert not short, f"this world no longer reaches what it should: {short}"


def caught_within(mutant: Mutant) -> int | None:
    """The first seed that notices, or None."""
    try:
        with broken(mutant):
            tried = (run_seeds(seed, seed + 1, adopted=mutant.adopted)[1] for seed in range(mutant.seeds))
            return next((seed for seed, wrong in enumerate(tried) if wrong), None)
    finally:
        gc.collect()  # what a broken core left half-run complains here, not in the next test


IN_PIECES = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@IN_PIECES
@pytest.mark.parametrize("mutant", [m for m in MUTANTS if 0 < m.seeds <= FEW], ids=lambda m: m.name)
def test_a_broken_rule_is_noticed_at_once(mutant: Mutant) -> None:
    assert caught_within(mutant) is not None, f"{mutant.rule} was broken and nothing noticed"


@IN_PIECES
@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.seeds > FEW], ids=lambda m: m.name)
def test_a_broken_rule_is_noticed_in_the_end(mutant: Mutant) -> None:
    assert caught_within(mutant) is not None, f"{mutant.rule} was broken and nothing noticed"


@pytest.mark.parametrize(
    "race",
    [*RACES, *LAGGING, *LATE, *OVERDUE, *SIZE_RACES, *TABLE_RACES, *WINNING, *REPAIRING, *DEPARTURES],
    ids=lambda race: race.__name__,
)
def test_a_race_ends_well(race: Callable[[], None]) -> None:
    race()


@IN_PIECES
@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.race], ids=lambda m: m.name)
def test_a_race_notices_its_mutant(mutant: Mutant) -> None:
    assert mutant.race
    try:
        with broken(mutant), pytest.raises(Exception):  # noqa: B017 - however it goes wrong
            mutant.race()
    finally:
        gc.collect()


def test_the_table_breaks_every_rule_from_i1_to_i9() -> None:
    assert {m.rule for m in MUTANTS} >= {f"I{n}" for n in range(1, 10)}
    assert all(m.seeds or m.race or m.why for m in MUTANTS), (
        "a mutant that is not caught must be argued equivalent"
    )
