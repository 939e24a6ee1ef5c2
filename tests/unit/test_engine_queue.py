"""Whose sync goes first where several lie on one disk, and what each may take of the whole."""

from __future__ import annotations

from mirrortui.api.requests import SpeedRequest
from mirrortui.engine.queue import Wish, turns
from mirrortui.units import MIB

NO_LIMIT = SpeedRequest(max=0)


def wish(
    name: str,
    disks: str,
    *,
    since: float = 0.0,
    copies: bool = True,
    queued: bool = False,
    kernel: bool = False,
) -> Wish:
    found = {ord(letter): f"sd{letter}" for letter in disks}
    return Wish(name=name, copies=copies, queued=queued, since=since, disks=found, kernel=kernel)


def queued(*wishes: Wish) -> dict[str, str]:
    return {name: turn.queued for name, turn in turns(wishes, NO_LIMIT).items()}


def test_the_later_one_waits_for_the_one_that_copies_on_its_disk() -> None:
    assert queued(wish("a", "bc"), wish("b", "cd", since=1)) == {
        "a": "",
        "b": "queued behind a: both copy on sdc",
    }


def test_who_has_disks_of_its_own_waits_for_nobody() -> None:
    assert queued(wish("a", "bc"), wish("b", "cd", since=1), wish("c", "de", since=2)) == {
        "a": "",
        "b": "queued behind a: both copy on sdc",
        "c": "",
    }


def test_who_copies_goes_on_although_another_was_seen_first() -> None:
    assert queued(wish("a", "b", queued=True), wish("b", "b", since=9)) == {
        "a": "queued behind b: both copy on sdb",
        "b": "",
    }


def test_redundancy_comes_before_a_check() -> None:
    assert queued(wish("a", "b", copies=False), wish("b", "b", since=9)) == {
        "a": "queued behind b: both read on sdb",
        "b": "",
    }


def test_the_kernel_is_told_nothing_and_goes_first() -> None:
    theirs = wish("md0", "bc", since=9, kernel=True)
    assert queued(wish("a", "cd"), theirs) == {"a": "queued behind md0: both copy on sdc"}
    assert queued(wish("a", "cd", copies=False), theirs) == {"a": "queued behind md0: both read on sdc"}


def test_no_copy_waits_for_a_check_that_nobody_here_can_stop() -> None:
    theirs = wish("md0", "bc", copies=False, kernel=True)
    assert queued(wish("a", "cd"), wish("b", "bd", since=1, copies=False), theirs) == {
        "a": "",
        "b": "queued behind md0: both read on sdb",
    }


def test_the_speed_is_shared_by_those_that_go() -> None:
    wishes = [wish("a", "b"), wish("b", "c", since=1), wish("c", "c", since=2)]
    told = turns(wishes, SpeedRequest(min=20 * MIB, max=100 * MIB))
    assert {name: (turn.least, turn.most) for name, turn in told.items()} == {
        "a": (10 * MIB, 50 * MIB),
        "b": (10 * MIB, 50 * MIB),
        "c": (0, 0),
    }
    assert told["c"].queued


def test_nobody_wants_anything() -> None:
    assert turns([], SpeedRequest(max=1)) == {}
