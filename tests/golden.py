"""The golden members: metadata that the real kernel wrote (tests/interop/make_golden.py)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from mirrortui.units import SECTOR

GOLDEN = Path(__file__).parent / "unit" / "golden"


@dataclass(frozen=True)
class GoldenMember:
    """One member of an array in a known state; it reads as zeroes where there is no metadata."""

    state: str
    index: int
    minor: int
    """Of version 1; -1: version 0.90."""
    size: int
    """Bytes."""
    sectors: dict[int, bytes]
    examine: str
    """What `mdadm --examine` says of it."""

    def read(self, offset: int, length: int) -> bytes:
        """As from the device; whole sectors."""
        first, count = offset // SECTOR, -(-length // SECTOR)
        data = b"".join(self.sectors.get(sector, bytes(SECTOR)) for sector in range(first, first + count))
        return data[:length]

    def write(self, path: Path) -> None:
        """Make an image of it."""
        with path.open("wb") as file:
            file.truncate(self.size)
            for sector, data in self.sectors.items():
                file.seek(sector * SECTOR)
                file.write(data)

    def says(self, key: str) -> str | None:
        """A line of mdadm's."""
        found = re.search(rf"^ *{re.escape(key)} : (.*)$", self.examine, re.MULTILINE)
        return found[1] if found else None

    def __str__(self) -> str:
        return f"{self.state}-{self.index}"


def states(kind: str = ".") -> list[str]:
    """The names of all mirrors of version 1; or those of a `kind`: "legacy", "foreign"."""
    found = sorted(path for path in (GOLDEN / kind).glob("*.json") if path.stem != "layouts")
    return [str(path.relative_to(GOLDEN).with_suffix("")) for path in found]


def members(state: str) -> list[GoldenMember]:
    """The members of the array in that state, in the order in which they were created."""
    content = json.loads((GOLDEN / f"{state}.json").read_text())
    return [
        GoldenMember(
            state=state,
            index=index,
            minor=-1 if content["minor"] is None else content["minor"],
            size=member["size"],
            sectors={int(sector): _sector(text) for sector, text in member["sectors"].items()},
            examine=member["examine"],
        )
        for index, member in enumerate(content["members"])
    ]


def all_members(kind: str = ".") -> list[GoldenMember]:
    """Every member of every state of that kind."""
    return [member for state in states(kind) for member in members(state)]


def _sector(text: str) -> bytes:
    head, _, fill = text.partition("|")
    return bytes.fromhex(head).ljust(SECTOR, bytes.fromhex(fill))
