"""Make the golden kernel arrays again: tests/unit/sysfs/*.json, sysfs as a real kernel shows it.

    python -m tests.interop.make_sysfs

Brings one array after the other into the states below inside a guest (guest.py says what that needs) and copies what
sysfs says of it, file by file. UUIDs, speeds and positions differ from run to run.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mirrortui.units import MIB
from tests.interop import kernels
from tests.interop.guest import Guest, disk_name
from tests.sysfs import GOLDEN

_SCRIPT = r"""
md=/sys/block/md0/md
with_bitmap="--bitmap=internal --bitmap-chunk=64K"
create() { mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --name=vault "$@"; }
settle() { mdadm --wait /dev/md0 || true; }
slow() { echo 300 > $md/sync_speed_min; echo 300 > $md/sync_speed_max; }
fast() { echo system > $md/sync_speed_min; echo system > $md/sync_speed_max; }
under_way() { until grep -q '^[1-9]' $md/sync_completed; do sleep 0.1; done; }
one() { echo "F $1|$(cat $1 | tr '\n' '~')"; }
show() {
  echo "@ $1"
  for link in /sys/block/md* /sys/block/vd*; do echo "L $link|$(readlink $link)"; done
  for disk in /sys/block/vd*; do for file in size stat dev ro; do one $(readlink -f $disk)/$file; done; done
  for link in /sys/block/md*; do
    array=$(readlink -f $link)
    for file in size stat dev ro; do one $array/$file; done
    for file in $(find $array/md -type f -perm -400); do one $file; done
    for link in $(find $array/md -type l); do echo "L $link|$(readlink $link)"; done
  done
}
dd_block() { dd if=/dev/urandom of=/dev/md0 bs=4k seek=$1 count=1 oflag=direct conv=notrunc; }

create $with_bitmap /dev/vda --write-mostly /dev/vdb
slow; under_way; show resync
fast; settle; echo 60 > $md/safe_mode_delay; dd_block 3; show active
echo 0.2 > $md/safe_mode_delay; sleep 1; show clean
slow; echo check > $md/sync_action; under_way; show check
echo frozen > $md/sync_action; show paused
echo idle > $md/sync_action; echo 0 > $md/sync_min
mdadm /dev/md0 --add-spare /dev/vdc; show spare
echo frozen > $md/sync_action; mdadm /dev/md0 --fail /dev/vdc --remove /dev/vdc; echo idle > $md/sync_action
mdadm /dev/md0 --fail /dev/vdb; show failed
mdadm /dev/md0 --add /dev/vdc; under_way; show recover
fast; settle; mdadm /dev/md0 --remove /dev/vdb; mdadm --zero-superblock /dev/vdb
slow; mdadm /dev/md0 --add /dev/vdb --replace /dev/vda --with /dev/vdb; under_way; show replace
fast; settle; show replaced
mdadm /dev/md0 --remove /dev/vda; sleep 1; mdadm --readonly /dev/md0; show readonly
mdadm --stop /dev/md0; mdadm -I /dev/vdb || true; show incremental
mdadm --stop /dev/md127; mdadm --zero-superblock /dev/vdb /dev/vdc
create --bitmap=none --assume-clean /dev/vdb missing; mdadm --fail /dev/md0 /dev/vdb || true; show last-copy
mdadm --create /dev/md1 --run --level=10 --raid-devices=2 --bitmap=none --name=x /dev/vda /dev/vdc; show other-level
"""
_DISKS, _SIZE = 3, 16 * MIB


def main() -> None:
    """Write every state."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        images = [directory / disk_name(index) for index in range(_DISKS)]
        for image in images:
            image.touch()
            os.truncate(image, _SIZE)
        machine = Guest(kernels.get(kernels.releases()[0]), ("raid10",))
        console = machine.run(_SCRIPT, images)
    GOLDEN.mkdir(exist_ok=True)
    for state, content in _states(console):
        (GOLDEN / f"{state}.json").write_text(
            json.dumps({"kernel": machine.release, **content}, indent=1, sort_keys=True) + "\n"
        )


def _states(console: str) -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    state, content = "", _empty()
    for line in console.splitlines():
        kind, _, rest = line.partition(" ")
        name, _, value = rest.partition("|")
        name = name.removeprefix("/sys/")
        if kind == "@":
            if state:
                yield state, content
            state, content = rest, _empty()
        elif kind == "F":
            content["files"][name] = value.replace("~", "\n")
        elif kind == "L":
            content["links"][name] = value
    yield state, content


def _empty() -> dict[str, dict[str, str]]:
    return {"files": {}, "links": {}}


if __name__ == "__main__":
    main()
