"""Names out of superblocks hold any 32 bytes; what is made of them is fit for terminal, JSON, path and command."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from mirrortui.api import names as api
from mirrortui.format import names
from mirrortui.format.inspect import examine
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.report import to_dict
from mirrortui.format.superblock import Superblock
from mirrortui.units import SECTOR
from tests.golden import members

NAMES = {
    "no UTF-8": b"\xff\xfe\x80",
    "cut off": b"box:M\xc3",
    "a surrogate": b"\xed\xa0\x80",
    "all that does not fit when it is escaped": b"\xff" * 32,
    "terminal": b"\x1b[2J\x07\x9b31m\xff",
    "lines": b"two\r\nlines\xff",
    "markup": b"[/red]\xff[@click=app.quit]",
    "right to left": "\u202evault".encode() + b"\xff",
    "a way out": b"../../etc\xff",
    "an option": b"--all\xff",
    "a zero": b"va\0ult\xff",
    "blanks": b" \t \xe3\x80\x80\xff",
}
MEMBER = members("clean-1.2")[0]


def renamed(name: bytes) -> tuple[Superblock, dict[str, object]]:
    """The superblock of a member with this name, and what a script is told of it."""
    sb = examine(MEMBER.read, MEMBER.size).superblock
    assert sb
    written = (
        replace(sb, set_name=name.decode("utf-8", "surrogateescape")).encode().ljust(SUPERBLOCK_BYTES, b"\0")
    )
    place = sb.super_offset * SECTOR

    def read(offset: int, length: int) -> bytes:
        return written[:length] if offset == place else MEMBER.read(offset, length)

    found = examine(read, MEMBER.size)
    assert found.superblock
    assert found.superblock.encode() == written[: len(found.superblock.encode())], "it is kept to the byte"
    return found.superblock, to_dict(found)


def assert_fit(name: bytes) -> None:
    sb, facts = renamed(name)
    assert api.checked(sb.label) == sb.label
    assert names.printable(sb.set_name).isprintable()
    assert json.loads(json.dumps(facts, ensure_ascii=False).encode()) == facts


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_strange_names(name: bytes) -> None:
    assert_fit(name)


def test_random_names() -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(500):
        assert_fit(chance.randbytes(chance.randrange(33)))


def test_names_that_are_text_stay_as_they_are() -> None:
    for name in ("vault", "Müllers-Kästen", "写真", "a.b_c"):
        assert names.label(f"box:{name}") == name
