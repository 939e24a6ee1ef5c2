"""Make the golden members again: tests/unit/golden/*.json, written by the real kernel and the real mdadm.

    python -m tests.interop.make_golden [NAME...]

Brings small arrays into each state below inside a guest (guest.py says what that needs) and keeps the metadata of
their members, with what `mdadm --examine` says of it. Takes some minutes. UUIDs, times and the exact point where a
resync was caught differ from run to run; the tests rely on none of them.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mirrortui.format import layout
from mirrortui.units import GIB, KIB, MIB, SECTOR, TIB
from tests.golden import GOLDEN
from tests.interop import kernels
from tests.interop.guest import Guest, disk_name
from tests.interop.kernels import tool

PRELUDE = """
with_bitmap="--bitmap=internal --bitmap-chunk=64K"
md=/sys/block/md0/md
create() { mdadm --create /dev/md0 --run --level=1 "$@"; }
pair() { create --raid-devices=2 "$@" /dev/vda /dev/vdb; }
slow() { echo 300 > $md/sync_speed_min; echo 300 > $md/sync_speed_max; }
settle() { mdadm --wait /dev/md0 || true; }
clean() { until grep -qx -e clean -e readonly $md/array_state; do sleep 0.1; done; }
stop() { clean; mdadm --stop /dev/md0; }
manage() { mdadm /dev/md0 "$@"; }
# A 4 KiB block of the array: on all members when this returns.
block() { dd if=/dev/urandom of=/dev/md0 bs=4k seek=$1 count=1 oflag=direct conv=notrunc; }
# Until --examine shows a pattern.
shows() { until mdadm --examine $1 | grep -q "$2"; do sleep 0.2; done; }
idle_bitmap() { until mdadm --examine-bitmap $1 | grep -q ' 0 dirty'; do sleep 0.5; done; }
"""


@dataclass(frozen=True, kw_only=True)
class State:
    """What to run over new members; whatever it leaves running loses its power."""

    script: str
    members: int = 2
    size: int = 16 * MIB
    """Bytes of every member."""
    minor: int | None = 2
    """Of version 1; None: version 0.90."""


def _clean(minor: int) -> State:
    script = (
        f"pair --metadata=1.{minor} $with_bitmap; settle; block 0; block 1000; idle_bitmap /dev/vda; stop"
    )
    return State(script=script, minor=minor)


_DEGRADE = "settle; block 0; clean; manage --fail /dev/vdb; manage --remove /dev/vdb; block 20; block 500"

_LEGACY = "--metadata=0.90"

LEGACY = {
    "clean": State(script=f"pair {_LEGACY}; settle; block 0; stop", minor=None),
    "bitmap": State(script=f"pair {_LEGACY} $with_bitmap; settle; block 0; stop", minor=None),
    "created-missing": State(
        script=f"create --raid-devices=2 {_LEGACY} /dev/vda missing; block 3; stop", members=1, minor=None
    ),
    "three-way": State(
        script=f"create --raid-devices=3 {_LEGACY} /dev/vd[abc]; settle; echo writemostly > $md/dev-vdc/state;"
        " block 7; stop",
        members=3,
        minor=None,
    ),
    "unclean": State(script=f"pair {_LEGACY}; settle; block 100", minor=None),
    "failed": State(
        script=f"pair {_LEGACY}; settle; clean; manage --fail /dev/vdb; block 20; stop", minor=None
    ),
    "spare": State(
        script=f"create --raid-devices=2 --spare-devices=1 {_LEGACY} /dev/vd[abc]; settle; stop",
        members=3,
        minor=None,
    ),
    "mid-resync-stopped": State(
        script=f"pair {_LEGACY}; slow; until grep -q '^[0-9][0-9][0-9][0-9]' $md/sync_completed; do sleep 0.1;"
        " done; mdadm --stop /dev/md0",
        minor=None,
    ),
    "raid5": State(
        script=f"mdadm --create /dev/md0 --run --level=5 --raid-devices=3 {_LEGACY} /dev/vd[abc]; settle; stop",
        members=3,
        minor=None,
    ),
    "linear": State(
        script=f"mdadm --create /dev/md0 --run --level=linear --raid-devices=2 {_LEGACY} /dev/vda /dev/vdb; stop",
        minor=None,
    ),
}
"""Version 0.90, which is read and never written."""


def _other(level: str, members: int, *options: str) -> State:
    disks = " ".join(f"/dev/{disk_name(index)}" for index in range(members))
    how = " ".join((f"--level={level}", f"--raid-devices={members}", *options))
    return State(
        script=f"mdadm --create /dev/md0 --run {how} {disks}; settle; mdadm --stop /dev/md0", members=members
    )


FOREIGN = {
    "raid0": _other("0", 2),
    "raid4": _other("4", 3),
    "raid5": _other("5", 3, "--bitmap=internal"),
    "raid6": _other("6", 4),
    "raid10": _other("10", 2),
    "linear": _other("linear", 2),
    "ppl": _other("5", 3, "--consistency-policy=ppl"),
    "journal": State(
        script="mdadm --create /dev/md0 --run --level=5 --raid-devices=3 --write-journal=/dev/vdd /dev/vd[abc];"
        " settle; mdadm --stop /dev/md0",
        members=4,
    ),
    "reshape": State(
        script="mdadm --create /dev/md0 --run --level=5 --raid-devices=3 /dev/vd[abc]; settle;"
        " manage --add /dev/vdd; slow; mdadm --grow /dev/md0 --raid-devices=4;"
        ' shows /dev/vda "Reshape pos\'n : [1-9]"',
        members=4,
    ),
}
"""Arrays that are not ours to run."""

MODULES = ("raid0", "raid10", "raid456", "linear")
"""That these take; those that the kernel has."""

STATES = {
    "clean-1.0": _clean(0),
    "clean-1.1": _clean(1),
    "clean-1.2": _clean(2),
    "default-chunk": State(script="pair --bitmap=internal; settle; stop"),
    "no-bitmap": State(script="pair --bitmap=none; settle; block 0; stop"),
    "no-log": State(
        script="pair $with_bitmap --assume-clean; stop;"
        " mdadm --assemble /dev/md0 --update=no-bbl /dev/vda /dev/vdb; stop"
    ),
    "nine-gib": State(script="pair --bitmap=internal --bitmap-chunk=128M --assume-clean; stop", size=9 * GIB),
    "created-missing": State(
        script="create --raid-devices=2 $with_bitmap /dev/vda missing; block 3; stop", members=1
    ),
    "three-way": State(
        script="create --raid-devices=3 $with_bitmap /dev/vd[abc]; settle; block 7; stop", members=3
    ),
    "three-way-removed": State(
        script=f"create --raid-devices=3 $with_bitmap /dev/vd[abc]; {_DEGRADE}; stop", members=3
    ),
    "unclean": State(script="pair $with_bitmap; settle; block 0; idle_bitmap /dev/vda; block 100; block 300"),
    "unclean-no-bitmap": State(script="pair --bitmap=none; settle; block 100"),
    "failed": State(
        script="pair $with_bitmap; settle; block 0; clean; manage --fail /dev/vdb; block 20; stop"
    ),
    "removed": State(script=f"pair $with_bitmap; {_DEGRADE}; stop"),
    "re-added": State(
        script=f"pair $with_bitmap; {_DEGRADE}; manage --re-add /dev/vdb; settle; block 9; stop"
    ),
    "mid-re-add": State(
        script="pair $with_bitmap; settle; manage --fail /dev/vdb; manage --remove /dev/vdb;"
        " dd if=/dev/urandom of=/dev/md0 bs=1M count=8 oflag=direct; slow; manage --re-add /dev/vdb;"
        " shows /dev/vdb 'Recovery Offset : [1-9]'; mdadm --stop /dev/md0"
    ),
    "mid-recovery": State(
        script="create --raid-devices=2 $with_bitmap /dev/vda missing; slow; manage --add /dev/vdb;"
        " shows /dev/vdb 'Recovery Offset : [1-9]'"
    ),
    "mid-resync": State(script="pair $with_bitmap; slow; block 5"),
    "mid-resync-stopped": State(
        script="pair --bitmap=none; slow; until grep -q '^[0-9][0-9][0-9][0-9]' $md/sync_completed; do sleep 0.1;"
        " done; mdadm --stop /dev/md0"
    ),
    "spare": State(
        script="create --raid-devices=2 --spare-devices=1 $with_bitmap /dev/vd[abc]; settle; block 1; stop",
        members=3,
    ),
    "spare-took-over": State(
        script="create --raid-devices=2 --spare-devices=1 $with_bitmap /dev/vd[abc]; settle; manage --fail /dev/vdb;"
        " sleep 1; settle; block 1; stop",
        members=3,
    ),
    "replacing": State(
        script="pair $with_bitmap; settle; manage --add-spare /dev/vdc; slow;"
        " manage --replace /dev/vda --with /dev/vdc; shows /dev/vdc 'Recovery Offset : [1-9]'",
        members=3,
    ),
    "write-mostly": State(
        script="create --raid-devices=2 $with_bitmap --write-behind=256 --failfast /dev/vda"
        " --write-mostly /dev/vdb; settle; stop"
    ),
    "bad-blocks": State(
        script="pair $with_bitmap; settle; echo 22048 16 > $md/dev-vdb/bad_blocks;"
        " echo 30000 1000 > $md/dev-vdb/bad_blocks; block 1; shows /dev/vdb 'bad blocks present'; stop"
    ),
    **{f"legacy/{name}": state for name, state in LEGACY.items()},
    **{f"foreign/{name}": state for name, state in FOREIGN.items()},
}

LAYOUTS = "layouts"
LAYOUT_SIZES = (
    *(2 * MIB, 3 * MIB + SECTOR, 100 * MIB, 256 * MIB, GIB, 4 * GIB, 8 * GIB, 9 * GIB, 100 * GIB),
    *(200 * GIB, 201 * GIB, TIB, 3 * TIB + 7 * SECTOR, 15 * TIB),
)
"""Bytes; mdadm lays each out for every version, with a bitmap and without."""
LAYOUT_FACTS = ("Data Offset", "Super Offset", "Avail Dev Size", "Internal Bitmap", "Bad Block Log")


def main(names: list[str]) -> None:
    """Make the named states, or all of them."""
    GOLDEN.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="golden-") as scratch:
        guest = Guest(kernels.get(kernels.releases()[0]), MODULES)
        for name in names or [*STATES, LAYOUTS]:
            print(name, flush=True)
            content = (
                _layouts(guest, Path(scratch)) if name == LAYOUTS else _state(guest, Path(scratch), name)
            )
            (GOLDEN / name).parent.mkdir(exist_ok=True)
            (GOLDEN / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def _state(guest: Guest, scratch: Path, name: str) -> dict[str, object]:
    state = STATES[name]
    images = _images(scratch, [state.size] * state.members)
    guest.run(f"{PRELUDE}\n{state.script}\n", images)
    members = [_member(image, state.minor) for image in images]
    return {"kernel": guest.release, "script": state.script, "minor": state.minor, "members": members}


def _member(image: Path, minor: int | None) -> dict[str, object]:
    """A member's size, those sectors of its metadata that are not zero, and what mdadm says of it."""
    said = tool("mdadm", "--examine", str(image))
    size = image.stat().st_size
    content = {}
    with image.open("rb") as file:
        for sector in _metadata(said, size // SECTOR, minor):
            file.seek(sector * SECTOR)
            if any(data := file.read(SECTOR)):
                content[sector] = shorten(data)
    return {"size": size, "sectors": content, "examine": said.replace(f"{image}", image.name)}


def _metadata(said: str, sectors: int, minor: int | None) -> range:
    """Where no data lies: in front of it, or behind it."""
    if minor is None:
        return range((sectors // 128 - 1) * 128, sectors)
    (edge,) = re.findall(r"Data Offset : (\d+)" if minor else r"Avail Dev Size : (\d+)", said)
    return range(int(edge)) if minor else range(int(edge), sectors)


def shorten(sector: bytes) -> str:
    """Its bytes in hexadecimal, up to those that fill its rest: "fc4e2b|ff"."""
    fill = sector[-1:]
    return f"{sector.rstrip(fill).hex()}|{fill.hex()}"


def _layouts(guest: Guest, scratch: Path) -> list[dict[str, object]]:
    """What mdadm makes of devices of each size, with the chunk that our layout chooses."""
    cases = [(minor, bitmap) for minor in (0, 1, 2) for bitmap in (True, False)]
    return [fact for minor, bitmap in cases for fact in _layouts_of(guest, scratch, minor, bitmap)]


def _layouts_of(guest: Guest, scratch: Path, minor: int, bitmap: bool) -> Iterator[dict[str, object]]:
    images = _images(scratch, LAYOUT_SIZES)
    plans = [layout.plan(size // SECTOR, minor=minor, bitmap=bitmap) for size in LAYOUT_SIZES]
    script = PRELUDE
    for image, plan in zip(images, plans, strict=True):
        how = f"--bitmap=internal --bitmap-chunk={plan.chunk // KIB}K" if bitmap else "--bitmap=none"
        script += f"create --raid-devices=2 --metadata=1.{minor} {how} /dev/{image.name} missing; stop\n"
    guest.run(script, images)
    for image, plan in zip(images, plans, strict=True):
        said = dict(re.findall(r"^ *(.*?) : (.*)$", tool("mdadm", "--examine", str(image)), re.MULTILINE))
        yield {
            "size": image.stat().st_size,
            "minor": minor,
            "chunk": plan.chunk,
            **{fact: said.get(fact) for fact in LAYOUT_FACTS},
        }


def _images(scratch: Path, sizes: Iterable[int]) -> list[Path]:
    """New sparse files, named as the guest names them."""
    images = []
    for index, size in enumerate(sizes):
        image = scratch / disk_name(index)
        image.unlink(missing_ok=True)
        image.touch()
        os.truncate(image, size)
        images.append(image)
    return images


if __name__ == "__main__":
    main(sys.argv[1:])
