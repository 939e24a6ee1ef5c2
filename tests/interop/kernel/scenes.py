"""Several arrays in one boot: each scene is a script over disks of its own, all played at the same time.

In a scene `$dev` is its array, `$sys` the array's directory in sysfs, `$a`, `$b`, ... its disks, `$ink` the disk with
what `put` writes, `$copies` the one that takes what `digest` reads, to be hashed out here; PRELUDE has the verbs. What
a scene tells with `tell` comes back by its name.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mirrortui.units import MIB
from tests.interop.guest import CUT, Guest
from tests.interop.kernel.content import GENERATION_BLOCKS, Ink

PRELUDE = """
# The unit of that number of the one controller, when it has been found.
disk() { until set -- $1 /sys/bus/scsi/devices/*:$1/block/*; [ -e $2 ]; do sleep 0.1; done; echo /dev/${2##*/}; }
say() { echo "$@" > /dev/ttyS1; }
tell() { say $id "$@"; }
mdadm() { /bin/mdadm "$@" </dev/null; }

create() { mdadm --create $dev --run --level=1 --name=$id "$@"; }
bitmap="--bitmap=internal --bitmap-chunk=64K --delay=1"
pair() { create --raid-devices=2 "$@" $a $b; }
assemble() { mdadm --assemble $dev "$@"; }
manage() { mdadm $dev "$@"; }
grow() { mdadm --grow $dev "$@"; }

# The shell's own words, where something is waited for: one new process costs as much as a chunk that is copied.
mkfifo /tmp/nap-$id; exec 9<> /tmp/nap-$id
nap() { read -t 0.2 _ <&9 || true; }
is() { read -r found < $sys/$1 || true; case $found in ($2) true ;; (*) false ;; esac; }
speed() { echo $1 > $sys/sync_speed_min; echo $1 > $sys/sync_speed_max; }  # KiB/s; at first there is hardly any
# A copy goes so far and waits, however long the host takes. Sectors of a member's data.
# md takes no limit while its thread looks whether anything is to be copied, as it does when it is told to freeze.
copy_to() {
  until { echo frozen > $sys/sync_action; echo $1 > $sys/sync_max; }; do nap; done
  echo idle > $sys/sync_action; speed 1000000
}
settle() { echo max > $sys/sync_max; speed 1000000; until is sync_action idle; do nap; done; }
whole() { settle; until is degraded 0; do nap; settle; done; }
at_rest() { is array_state clean || is array_state readonly || is array_state read-auto; }
stop() { until at_rest; do nap; done; mdadm --stop $dev; }
shows() { until mdadm --examine $1 | grep -q "$2"; do nap; done; }
idle_bits() { until mdadm --examine-bitmap $1 | grep -q ' 0 dirty'; do nap; nap; done; }

# Blocks of 4 KiB, of one generation of ink, some at a time: on every member when it is told.
ink_out() {
  dd if=$ink of=$dev bs=$4 iflag=direct,skip_bytes,count_bytes oflag=direct,seek_bytes conv=notrunc \\
    skip=$((($1 * GENERATION + $2 % GENERATION) * 4096)) seek=$(($2 * 4096)) count=$(($3 * 4096))
}
put() { tell try $1 $2 $3; ink_out $1 $2 $3 128k; tell put $1 $2 $3; }
fill() { at=0; while [ $at -lt $2 ]; do put $1 $at GENERATION; at=$((at + GENERATION)); done; }  # whole generations
# Never idle for long: the array stays "active", the bits of these blocks set.
busy() { echo 5 > $sys/safe_mode_delay; put $1 $2 1; (while sleep 0.5; do put $1 $2 1; done) & }
# Writes over and over, until the power goes: either of two generations may be found then, or none.
scribble() {
  at=$((RANDOM % 1000)); tell try 11 $at 24; tell try 12 $at 24; sleep 0.5
  (while ink_out 11 $at 24 4k; do ink_out 12 $at 24 4k; done) &
  sleep 0.$((RANDOM % 90 + 10))
}

show() {
  tell array $(cat $sys/array_state $sys/degraded $sys/raid_disks $sys/resync_start) $(blockdev --getsize64 $dev)
  for letter in $letters; do
    eval disk=\\$$letter; member=$sys/dev-${disk#/dev/}
    if [ -e $member ]; then tell member $letter $(cat $member/slot $member/state $member/recovery_start); fi
  done
}
# What was copied and why, so far.
actions_of() { echo $(dmesg | sed -n "s/.*md: \\(.*\\) of RAID array ${dev#/dev/}\\$/\\1/p"); }
actions() { tell actions $(actions_of); }
digest() {
  dd if=$dev of=$copies bs=1M iflag=direct oflag=direct seek=$place conv=notrunc
  tell digest $(blockdev --getsize64 $dev)
}
# md fills whoever is added before it makes the copies of an unclean array equal; 6.1 forgets then where they differ.
equal() { settle; until is resync_start none; do nap; done; }
run() { equal; echo $1 > $sys/sync_action; settle; }
check() { run check; tell mismatches $(cat $sys/mismatch_cnt); }
# As the README has it: whoever let such a kernel do it repairs.
mend() { equal; if actions_of | grep -q '^recover.* resync'; then run repair; fi; }
""".replace("GENERATION", str(GENERATION_BLOCKS))

_SCENE_TIMEOUT = 200
"""Seconds that a scene may take in the guest."""
_ROOM = 16 * MIB
"""Of a scene, on the disk with copies."""
_BOOTS = 2
"""Side by side, as many as there are cores: a guest has one."""

_PLAY = """
echo 10 > /proc/sys/dev/raid/speed_limit_min
echo 10 > /proc/sys/dev/raid/speed_limit_max
for scene in /scenes/*; do
  name=${scene##*/}
  timeout TIMEOUT sh -ex $scene > /tmp/$name.log 2>&1 &
  echo $! $name >> /tmp/playing
done
while read pid name; do
  wait $pid || { say $name FAILED; echo "=== $name"; cat /tmp/$name.log; echo "==="; }
done < /tmp/playing
""".replace("TIMEOUT", str(_SCENE_TIMEOUT))


@dataclass(frozen=True)
class Scene:
    """A script over disks."""

    name: str
    script: str
    images: Sequence[Path]


@dataclass
class Outcome:
    """What came of a scene."""

    told: list[list[str]] = field(default_factory=list)
    """In order, in words."""
    failure: str = ""
    """The script's trace, if it failed."""

    def one(self, word: str) -> list[str]:
        """The rest of the only line that begins with the word. Fails with the trace of a scene that failed."""
        assert not self.failure, self.failure
        (found,) = self.all(word)
        return found

    def all(self, word: str) -> list[list[str]]:
        """The rests of the lines that begin with the word."""
        return [line[1:] for line in self.told if line[0] == word]


def play(guest: Guest, scenes: Sequence[Scene], ink: Ink, *, cut: float | None = None) -> dict[str, Outcome]:
    """Play them all, and cut the power: as soon as the last has ended, or, with `cut`, that many seconds later.

    In two boots, at the same time.
    """
    parts = [part for first in range(_BOOTS) if (part := scenes[first::_BOOTS])]
    with ThreadPoolExecutor(_BOOTS) as pool:
        outcomes = pool.map(lambda part: _play_together(guest, part, ink, cut), parts)
        return {name: outcome for part in outcomes for name, outcome in part.items()}


def _play_together(guest: Guest, scenes: Sequence[Scene], ink: Ink, cut: float | None) -> dict[str, Outcome]:
    images = [image for scene in scenes for image in scene.images]
    files = {"prelude": PRELUDE}
    first = 0
    for number, scene in enumerate(scenes):
        files[f"scenes/{scene.name}"] = _script(scene, number, first, len(images))
        first += len(scene.images)
    script = _PLAY + (f"say {CUT}; sleep 100\n" if cut is not None else "")
    outcomes = {scene.name: Outcome() for scene in scenes}
    places = {scene.name: number * _ROOM for number, scene in enumerate(scenes)}
    with tempfile.TemporaryDirectory() as directory:
        (copies,) = blank(Path(directory), {"copies.img": len(scenes) * _ROOM})
        report = guest.boot(script, [*images, copies], readonly=[ink.path], scsi=True, files=files, cut=cut)
        for name, *words in (line for line in report.said if line and line[0] in outcomes):
            if words[0] == "digest":
                words[1] = _digest(copies, places[name], int(words[1]))
            outcomes[name].told.append(words)
            if words == ["FAILED"]:
                outcomes[name].failure = _trace(report.console, name)
    return outcomes


def _digest(path: Path, offset: int, count: int) -> str:
    with path.open("rb") as file:
        file.seek(offset)
        return hashlib.md5(file.read(count)).hexdigest()


def _script(scene: Scene, number: int, first: int, copies: int) -> str:
    device = f"md{number}"
    letters = "abcdefgh"[: len(scene.images)]
    names = "".join(f"{letter}=$(disk {unit}) " for unit, letter in enumerate(letters, first))
    head = (
        f"id={scene.name} dev=/dev/{device} sys=/sys/block/{device}/md letters='{' '.join(letters)}'\n"
        ". /prelude\n"
        f"{names} copies=$(disk {copies}) ink=$(disk {copies + 1}) place={number * _ROOM // MIB}\n"
    )
    return f"{head}{scene.script}\n"


def _trace(console: str, name: str) -> str:
    found = re.search(rf"=== {re.escape(name)}\r?\n(.*?)===\r?\n", console, re.DOTALL)
    return f"{name} failed in the guest:\n{found[1] if found else console}"


def blank(directory: Path, sizes: Mapping[str, int] | Iterable[tuple[str, int]]) -> list[Path]:
    """New sparse images, by name and size in bytes."""
    made = []
    for name, size in dict(sizes).items():
        path = directory / name
        path.touch()
        os.truncate(path, size)
        made.append(path)
    return made


SIZE = 8 * MIB
"""Bytes of a member, where nothing else is said."""
