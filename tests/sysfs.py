"""The golden kernel arrays: sysfs as a real kernel showed it (tests/interop/make_sysfs.py), planted as files."""

from __future__ import annotations

import json
from pathlib import Path

from mirrortui.kernel.metadata import read_member
from mirrortui.kernel.sysfs import Sysfs
from mirrortui.units import SECTOR
from tests.golden import GoldenMember, members

GOLDEN = Path(__file__).parent / "unit" / "sysfs"


def states() -> list[str]:
    """The names of all."""
    return sorted(path.stem for path in GOLDEN.glob("*.json"))


def plant(state: str, where: Path) -> Sysfs:
    """A sysfs with the arrays in that state, and an empty /dev. What is written to it stays where it was written."""
    content = json.loads((GOLDEN / f"{state}.json").read_text())
    root = where / "sys"
    for name, text in content["files"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, target in content["links"].items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    dev = where / "dev"
    dev.mkdir()
    return Sysfs(root, dev)


def furnish(sysfs: Sysfs, state: str, disks: str = "abcdefgh") -> list[Path]:
    """Give the disks the metadata of a golden array (tests/golden.py), as files, and its UUID to what runs on them."""
    paths = []
    for letter, member in zip(disks, members(state), strict=False):
        path = sysfs.dev / f"vd{letter}"
        write_member(path, member)
        paths.append(path)
    uuid = read_member(str(paths[0])).superblock.set_uuid.hex()
    for entry in (sysfs.root / "block").glob("md*/md/uuid"):
        entry.write_text(f"{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:]}\n")
    return paths


def write_member(path: Path, member: GoldenMember) -> None:
    """A golden member as an image."""
    with path.open("wb") as file:
        file.truncate(member.size)
        for sector, data in member.sectors.items():
            file.seek(sector * SECTOR)
            file.write(data)


def set_attribute(sysfs: Sysfs, name: str, value: str) -> None:
    """Change what the kernel says: block/md0/md/array_state."""
    path = sysfs.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{value}\n")


def attribute(sysfs: Sysfs, name: str) -> str:
    """What the kernel says, or was told."""
    return (sysfs.root / name).read_text().strip()
