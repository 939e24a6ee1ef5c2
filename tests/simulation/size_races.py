"""Moments in which a mirror grows that chance finds too seldom (races.py)."""

from __future__ import annotations

from collections.abc import Callable

from mirrortui.device.base import Op
from mirrortui.errors import FormatError
from mirrortui.format import superblock
from mirrortui.format.superblock import Superblock
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.verbs import manage, size
from mirrortui.testing.simulated import Request
from mirrortui.units import MIB, SECTOR
from tests.simulation.races import SUPERBLOCK, Played
from tests.stage import states


def _enlarge(played: Played) -> None:
    """Every disk has grown, and what is there is not equal."""
    for disk in played.disks:
        old = len(disk.current)
        disk.medium.grow(MIB)
        disk.medium.preset(old, disk.path.encode() * MIB)


def _told(request: Request) -> Superblock | None:
    """The superblock that is being written."""
    if request.op is not Op.WRITE or request.offset != SUPERBLOCK:
        return None
    try:
        return superblock.decode(request.data.ljust(4096, b"\0"), minor=2)
    except FormatError:
        return None


def _cut_when_told(played: Played, name: str) -> None:
    """The power goes when that one is about to hear of the new size; then the mirror is assembled."""
    stage = played.stage
    before = played.mirror.size

    def news(request: Request) -> bool:
        sb = _told(request)
        return request.disk.path == name and sb is not None and sb.size * SECTOR > before

    stage.executor.spawn(size.set_size(played.mirror, None))
    played.until_waiting(news)
    stage.executor.abandon()
    for disk in played.disks:
        disk.lose_power([])
    stage.scheduler.forget()
    played.mirror = stage.assemble(played.disks)
    assert played.mirror.size == before + MIB


def a_longer_bitmap_is_there_when_superblocks_speak_of_the_size() -> None:
    """All sectors of it, not only the one with the header."""
    played = Played("ab", size=10 * MIB, chunk=4096)
    _enlarge(played)
    stage, mirror = played.stage, played.mirror
    mirror.sync.paused = True
    stage.run(size.set_size(mirror, None))
    for disk in played.disks:
        found = stage.run(read_member(disk, stage.pool))
        assert isinstance(found, Found)
        assert found.dirty >= set(range(9 * MIB // 4096, 10 * MIB // 4096))


def the_power_goes_when_superblocks_begin_to_speak_of_a_new_size() -> None:
    """Who has not heard of it is a member all the same, and has room."""
    played = Played("ab")
    _enlarge(played)
    _cut_when_told(played, "b")
    assert states(played.mirror) == {"a": State.IN_SYNC, "b": State.IN_SYNC}
    played.at_rest()
    played.check_equal()


def the_power_goes_when_only_one_that_is_being_filled_knows_the_new_size() -> None:
    """What is new is marked on all, and only that one says how much of the bitmap counts."""
    played = Played("abc")
    stage, mirror = played.stage, played.mirror
    stage.run(manage.fail(mirror, "c"))
    stage.write(mirror, 0, b"x" * 4096)
    mirror.sync.courtesy.most = 1
    stage.run(manage.re_add(mirror, played.disk("c")))
    _enlarge(played)
    _cut_when_told(played, "a")
    assert states(played.mirror)["b"] is State.IN_SYNC
    played.at_rest()
    played.check_equal()


def a_power_cut_while_what_is_new_is_resynced_forgets_nothing() -> None:
    """The rest of it is resynced when the mirror is assembled."""
    played = Played("ab")
    _enlarge(played)
    stage, mirror = played.stage, played.mirror
    mirror.sync.paused = True
    stage.run(size.set_size(mirror, None))
    stage.executor.abandon()
    for disk in played.disks:
        disk.lose_power([])
    stage.scheduler.forget()
    played.mirror = stage.assemble(played.disks)
    played.at_rest()
    played.check_equal()


SIZE_RACES: list[Callable[[], None]] = [
    a_longer_bitmap_is_there_when_superblocks_speak_of_the_size,
    the_power_goes_when_superblocks_begin_to_speak_of_a_new_size,
    the_power_goes_when_only_one_that_is_being_filled_knows_the_new_size,
    a_power_cut_while_what_is_new_is_resynced_forgets_nothing,
]
