"""What a repair with a winner would do, in words, and what of it is remembered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from mirrortui.api import winner as words
from mirrortui.api.mirrors import Difference as Told
from mirrortui.api.requests import ByteRange, SyncRequest
from mirrortui.errors import MirrortuiError, NotFoundError, RefusedError, RequestError
from mirrortui.mirror.checking.findings import Difference, Findings, with_winner
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.units import KIB, MIB
from mirrortui.worker import checks, winner
from tests.stage import Stage

PAGE = 4 * KIB


class Listed:
    """Stands for the worker's checks: what the last run found, and what is begun."""

    def __init__(self, *ranges: Difference, differing: int | None = None) -> None:
        size = sum(d.hi - d.lo for d in ranges) if differing is None else differing
        self.last: Findings | None = Findings("check", 0.0, MIB, differing=size, ranges=list(ranges))
        self.begun: list[tuple[str, list[tuple[int, int]]]] = []

    def settle(self, winner: str, chosen: list[tuple[int, int]]) -> None:
        self.begun.append((winner, chosen))


def mirror(names: str = "abc") -> tuple[Stage, Mirror]:
    stage = Stage()
    return stage, stage.create([stage.disk(name) for name in names])


def ask(of: Mirror, listed: Listed, **request: Any) -> Any:
    return winner.prepare(of, cast(checks.Checks, listed), SyncRequest(action="repair", **request))


ODD = Difference(0, 2 * PAGE, ("c",))
SPLIT = Difference(1 * MIB, 1 * MIB + PAGE, ())


def test_all_that_is_listed_and_what_each_loses() -> None:
    _, it = mirror()
    listed = Listed(ODD, SPLIT, ODD._replace(lo=MIB + 8 * PAGE, hi=MIB + 9 * PAGE, kept="a"))
    plan, act = ask(it, listed, winner="a")
    assert plan.title == "Repair 2 ranges (12.0 KiB) of vault: a wins"
    assert plan.erases == [
        "b: what it has in the 4.00 KiB at 1.00 MiB, where it differs, is overwritten and lost.",
        "c: what it has in 2 ranges (12.0 KiB: at 0 B, 1.00 MiB), where it differs, is overwritten and lost.",
    ]
    assert (plan.confirm, plan.command) == ("yes", "mirrortui repair vault --winner a --yes")
    act()
    assert listed.begun == [("a", [(0, 2 * PAGE), (1 * MIB, 1 * MIB + PAGE)])]


def test_a_winner_that_is_the_odd_one_is_told_so() -> None:
    _, it = mirror()
    plan, _ = ask(it, Listed(ODD), winner="c", ranges=[ByteRange(offset=PAGE, length=PAGE)])
    assert plan.notes[0] == "Most copies agree there, and c has something else: it is the odd one."
    assert [loss[:2] for loss in plan.erases] == ["a:", "b:"]
    assert plan.command == "mirrortui repair vault --range 4096+4096 --winner c --yes"


def test_a_range_that_is_not_listed_may_differ_all_the_same() -> None:
    _, it = mirror()
    listed = Listed(ODD)
    ranges = [ByteRange(offset=MIB, length=PAGE), ByteRange(offset=MIB + PAGE, length=PAGE)]
    plan, act = ask(it, listed, winner="b", ranges=ranges)
    assert len(plan.erases) == 2
    act()
    assert listed.begun == [("b", [(MIB, MIB + 2 * PAGE)])], "neighbours are one"


def test_what_is_not_listed_any_more_is_said() -> None:
    _, it = mirror()
    plan, _ = ask(it, Listed(ODD, differing=10 * PAGE), winner="a")
    assert "32.0 KiB more differ than are listed: check again afterwards." in plan.notes


@pytest.mark.parametrize(
    ("request_", "problem", "told"),
    [
        ({"ranges": [ByteRange(offset=0, length=PAGE)]}, RequestError, "Which member of vault is right"),
        ({"winner": "z"}, NotFoundError, "has no member z"),
        ({"winner": "a", "ranges": [ByteRange(offset=5, length=PAGE)]}, RequestError, "by themselves"),
        ({"winner": "a", "ranges": [ByteRange(offset=0, length=1 << 40)]}, RequestError, "vault has"),
        ({"winner": "b"}, RefusedError, "b cannot be the winner: it is faulty in vault"),
    ],
)
def test_what_cannot_be_asked(request_: dict[str, Any], problem: type[MirrortuiError], told: str) -> None:
    stage, it = mirror()
    stage.run(manage.fail(it, "b"))
    with pytest.raises(problem, match=told):
        ask(it, Listed(ODD), **request_)


def test_whom_most_agree_with_is_suggested() -> None:
    _, it = mirror()
    with pytest.raises(RequestError) as caught:
        ask(it, Listed(ODD), ranges=[ByteRange(offset=0, length=PAGE)])
    assert caught.value.hint == "Most have the same as a: --winner a."
    with pytest.raises(RequestError) as caught:
        ask(it, Listed(SPLIT), ranges=[ByteRange(offset=MIB, length=PAGE)])
    assert "No majority tells" in caught.value.hint
    three = ["a", "b", "c"]
    assert words.suggestion(three, [Told(offset=0, length=1, odd=["a"])]) == "b"
    assert words.suggestion(three, [Told(offset=0, length=1, odd=[p]) for p in "ab"]) == "c"
    assert words.suggestion(three, [Told(offset=0, length=1, odd=[p]) for p in "abc"]) is None
    assert words.suggestion(three, []) is None


def test_nothing_known_and_nothing_but_repairs() -> None:
    _, it = mirror()
    with pytest.raises(RefusedError, match="Nothing is known to differ"):
        ask(it, Listed(ODD._replace(kept="a")), winner="a")
    with pytest.raises(RequestError, match="Only a repair has a winner"):
        winner.prepare(it, cast(checks.Checks, Listed(ODD)), SyncRequest(action="check", winner="a"))


def test_runs_that_were_remembered_before_there_were_winners_are_read(tmp_path: Path) -> None:
    path = tmp_path / "checks"
    run = msgspec.to_builtins(Findings("check", 1.0, MIB, ranges=[ODD]))
    del run["winner"], run["chosen"]
    run["ranges"] = [list(found)[:4] for found in run["ranges"]]
    path.write_bytes(msgspec.json.encode({"uuid": "u", "runs": [run]}))
    (read,) = checks._read(path, "u")
    assert (read.ranges, read.winner, read.chosen) == ([ODD], "", [])


def test_a_repair_in_which_the_worker_died_is_over_and_its_ranges_are_listed(tmp_path: Path) -> None:
    stage, it = mirror()
    path = tmp_path / "checks"
    last = Findings("check", 1.0, MIB, ended=2.0, differing=2 * PAGE, ranges=[ODD])
    uuid = ":".join(it.array.uuid[at : at + 4].hex() for at in range(0, 16, 4))
    run = with_winner(last, "a", [(0, 2 * PAGE)], 3.0)
    path.write_bytes(msgspec.json.encode({"uuid": uuid, "runs": [run]}))
    loop = SimpleNamespace(executor=stage.executor, now=stage.scheduler.now)
    found = checks.Checks(cast(Any, loop), it, cast(Any, None), path)
    found.resume()
    assert not it.checker.running
    assert found.last
    assert (found.last.complete, found.last.ended, found.last.left) == (False, 3.0, 2 * PAGE)
    assert found.runs(ranges=True)[0].ranges == [Told(offset=0, length=2 * PAGE, odd=["c"])]
