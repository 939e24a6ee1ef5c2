"""Several arrays in one boot: each scene is a script over disks of its own, all played at the same time.

In a scene `$dev` is its array, `$sys` the array's directory in sysfs, `$a`, `$b`, ... its disks, `$ink` the disk with
what `put` writes; PRELUDE has the verbs. What a scene tells with `tell` comes back by its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from mirrortui.units import MIB
from tests.interop.guest import CUT, Guest, disk_name
from tests.interop.kernel.content import GENERATION_BLOCKS, Ink

PRELUDE = """
say() { echo "$@" > /dev/ttyS1; }
tell() { say $id "$@"; }
mdadm() { /bin/mdadm "$@" </dev/null; }

create() { mdadm --create $dev --run --level=1 --name=$id "$@"; }
bitmap="--bitmap=internal --bitmap-chunk=64K --delay=1"
pair() { create --raid-devices=2 "$@" $a $b; }
assemble() { mdadm --assemble $dev "$@"; }
manage() { mdadm $dev "$@"; }
grow() { mdadm --grow $dev "$@"; }

is() { grep -qx "$2" $sys/$1; }
speed() { echo $1 > $sys/sync_speed_min; echo $1 > $sys/sync_speed_max; }  # KiB/s; at first there is hardly any
settle() { speed 1000000; until is sync_action idle; do sleep 0.2; done; }
whole() { settle; until is degraded 0; do sleep 0.2; settle; done; }
stop() { until is array_state 'clean\\|readonly\\|read-auto'; do sleep 0.2; done; mdadm --stop $dev; }
shows() { until mdadm --examine $1 | grep -q "$2"; do sleep 0.2; done; }
idle_bits() { until mdadm --examine-bitmap $1 | grep -q ' 0 dirty'; do sleep 0.3; done; }

# Blocks of 4 KiB, of one generation of ink: on every member when it is told.
ink_out() {
  dd if=$ink of=$dev bs=4k iflag=direct oflag=direct conv=notrunc \\
    skip=$(($1 * GENERATION + $2 % GENERATION)) seek=$2 count=$3
}
put() { tell try $1 $2 $3; ink_out $1 $2 $3; tell put $1 $2 $3; }
fill() { at=0; while [ $at -lt $2 ]; do put $1 $at GENERATION; at=$((at + GENERATION)); done; }  # whole generations
# Never idle for long: the array stays "active", the bits of these blocks set.
busy() { echo 5 > $sys/safe_mode_delay; put $1 $2 1; (while sleep 0.5; do put $1 $2 1; done) & }
# Writes over and over, until the power goes: either of two generations may be found then, or none.
scribble() {
  at=$((RANDOM % 1000)); tell try 11 $at 24; tell try 12 $at 24; sleep 0.5
  (while ink_out 11 $at 24; do ink_out 12 $at 24; done) &
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
digest() { tell digest $(dd if=$dev bs=1M iflag=direct | md5sum); }
# md fills whoever is added before it makes the copies of an unclean array equal; 6.1 forgets then where they differ.
equal() { settle; until is resync_start none; do sleep 0.2; done; }
run() { equal; echo $1 > $sys/sync_action; settle; }
check() { run check; tell mismatches $(cat $sys/mismatch_cnt); }
# As the README has it: whoever let such a kernel do it repairs.
mend() { equal; if actions_of | grep -q '^recover.* resync'; then run repair; fi; }
""".replace("GENERATION", str(GENERATION_BLOCKS))

_SCENE_TIMEOUT = 200
"""Seconds that a scene may take in the guest."""
_MOST_DISKS = 48
"""Of a boot: each disk takes interrupts, of which there are some two hundred."""

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

    In as few boots as the number of disks allows, two at a time.
    """
    if not scenes:
        return {}
    parts: list[list[Scene]] = [[]]
    for scene in scenes:
        if sum(len(other.images) for other in parts[-1]) + len(scene.images) > _MOST_DISKS:
            parts.append([])
        parts[-1].append(scene)
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda part: _play_together(guest, part, ink, cut), parts)
        return {name: outcome for part in outcomes for name, outcome in part.items()}


def _play_together(guest: Guest, scenes: Sequence[Scene], ink: Ink, cut: float | None) -> dict[str, Outcome]:
    images = [image for scene in scenes for image in scene.images]
    ink_disk = f"/dev/{disk_name(len(images))}"
    files = {"prelude": PRELUDE}
    first = 0
    for number, scene in enumerate(scenes):
        disks = [f"/dev/{disk_name(first + index)}" for index in range(len(scene.images))]
        first += len(disks)
        files[f"scenes/{scene.name}"] = _script(scene, number, disks, ink_disk)
    script = _PLAY + (f"say {CUT}; sleep 100\n" if cut is not None else "")
    report = guest.boot(script, images, readonly=[ink.path], files=files, cut=cut)
    outcomes = {scene.name: Outcome() for scene in scenes}
    for name, *words in (line for line in report.said if line and line[0] in outcomes):
        outcomes[name].told.append(words)
        if words == ["FAILED"]:
            outcomes[name].failure = _trace(report.console, name)
    return outcomes


def _script(scene: Scene, number: int, disks: Iterable[str], ink: str) -> str:
    device = f"md{number}"
    names = "".join(f"{letter}={disk} " for letter, disk in zip("abcdefgh", disks, strict=False))
    letters = "abcdefgh"[: len(scene.images)]
    head = (
        f"id={scene.name} dev=/dev/{device} sys=/sys/block/{device}/md ink={ink}\n"
        f"{names} letters='{' '.join(letters)}'\n"
        ". /prelude\n"
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
