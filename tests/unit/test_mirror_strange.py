"""Members whose bytes or blocks do not suit the mirror: refused in words, and nothing is written (I15)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mirrortui.errors import FormatError, RefusedError
from mirrortui.format import superblock
from mirrortui.format.superblock import Feature
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import manage
from mirrortui.testing.simulated import SimDisk
from tests.stage import Stage, image

BLOCK = b"b" * 4096


def failed() -> tuple[Stage, SimDisk, Mirror]:
    """A mirror that runs without b."""
    stage = Stage()
    a, b = stage.disk("a"), stage.disk("b")
    mirror = stage.create([a, b])
    stage.write(mirror, 0, BLOCK)
    stage.run(manage.fail(mirror, "b"))
    return stage, b, mirror


def change(disk: SimDisk, **fields: object) -> None:
    """Other fields in its superblock, and a right checksum."""
    sb = superblock.decode(bytes(disk.current[4096:8192]), minor=2)
    disk.current[4096:4608] = replace(sb, **fields).encode()[:512]  # type: ignore[arg-type]


def beyond(disk: SimDisk) -> None:
    change(disk, bitmap_offset=1 << 24)


def unknown(disk: SimDisk) -> None:
    change(disk, feature_map=Feature(1 | 1 << 20))


def slot(disk: SimDisk) -> None:
    change(disk, dev_number=5000)


def cramped(disk: SimDisk) -> None:
    size = disk.size // 512 - 2048 - 16
    change(disk, size=size, data_size=size)


@pytest.mark.parametrize(
    ("strange", "why"),
    [
        (beyond, "not all on the device"),
        (unknown, "unknown feature bits 0x100000"),
        (slot, "its slot 5000 is beyond the 128"),
        (cramped, "by its superblock the array has"),
    ],
)
def test_a_strange_member_is_not_re_added(strange: Callable[[SimDisk], None], why: str) -> None:
    stage, b, mirror = failed()
    strange(b)
    before = image(b)
    with pytest.raises((RefusedError, FormatError), match=why):
        stage.run(manage.re_add(mirror, b))
    assert image(b) == before
    assert stage.write(mirror, 0, BLOCK) == 0


@pytest.mark.parametrize("verb", ["add", "re_add"])
def test_clients_are_not_surprised_by_larger_blocks(verb: str) -> None:
    stage, b, mirror = failed()
    disk = b if verb == "re_add" else stage.disk("c")
    disk.block_size = 4096
    if verb == "re_add":
        stage.run(manage.remove(mirror, "b"))
    before = image(disk)
    with pytest.raises(
        RefusedError, match="blocks of 4096 bytes; the clients of vault were promised that 1 "
    ):
        stage.run(getattr(manage, verb)(mirror, disk))
    assert image(disk) == before
    assert mirror.block_size == 1


@pytest.mark.parametrize(
    ("fields", "block", "why"),
    [
        (
            {"bitmap_offset": 9},
            4096,
            "bytes 8704 to 12799, which are not all on the device in whole blocks of 4096",
        ),
        ({"bitmap_offset": 9}, 1, "blocks of 4096 bytes, and its bitmap would need smaller ones"),
        ({"data_offset": 2049, "data_size": 6136, "size": 6136}, 4096, "its data would"),
        ({"size": 6142}, 4096, "its size would"),
    ],
)
def test_what_large_sectors_cannot_hold_is_refused_before_it_is_tried(
    fields: dict[str, int], block: int, why: str
) -> None:
    stage = Stage()
    disks = [stage.disk("a"), stage.disk("b")]
    stage.run(manage.stop(stage.create(disks)))
    for disk in disks:
        change(disk, **fields)
        place = (8 + fields.get("bitmap_offset", 8)) * 512
        disk.current[place : place + 4096] = bytes(disk.current[8192:12288])
        disk.block_size, disk.atom = block, 4096
    before = [image(disk) for disk in disks]
    with pytest.raises((RefusedError, FormatError), match=why):
        stage.assemble(disks)
    assert [image(disk) for disk in disks] == before


def test_a_count_of_events_that_cannot_go_on_is_refused() -> None:
    stage = Stage()
    disks = [stage.disk("a"), stage.disk("b")]
    stage.run(manage.stop(stage.create(disks)))
    for disk in disks:
        change(disk, events=(1 << 64) - 1)
    with pytest.raises(RefusedError, match="18446744073709551615 events"):
        stage.assemble(disks)
