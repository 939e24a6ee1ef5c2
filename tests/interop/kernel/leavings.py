"""States in which we leave arrays, at rest or killed, and what the kernel must make of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mirrortui.api.requests import AssembleRequest
from mirrortui.units import KIB, MIB
from tests.e2e.bad_disk import bad_disk
from tests.e2e.conftest import until
from tests.interop.kernel.content import BLOCK
from tests.interop.kernel.scenes import SIZE
from tests.interop.kernel.turns import Turn
from tests.interop.kernels import tool

Steps = Callable[[Turn], None]


def _nothing(turn: Turn) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Left:
    """How we come to leave it so, and what the kernel finds."""

    steps: Steps
    """Until it is stopped cleanly; or, where there is `killed`, until the writer starts."""
    killed: Steps | None = None
    """What is done while the writer writes, just before the worker is killed."""
    made: str = ""
    """By the kernel's script, before it is ours."""
    sizes: tuple[int, ...] = (SIZE, SIZE)
    found: dict[str, str] = field(default_factory=lambda: {"a": "in_sync", "b": "in_sync"})
    """By the kernel, state by member; who is not there is not in the array."""
    ends: dict[str, str] | None = None
    """The same when it has done what was left to do; None: all in sync who were there."""
    actions: tuple[str, ...] = ()
    """What the kernel has left to do."""
    size: int = 7 * MIB
    """Bytes of the array."""
    flags: dict[str, str] = field(default_factory=dict)
    """What else the kernel calls a member, by sysfs's word."""
    looks: str = ""
    """What else the kernel is asked before it writes."""
    stopped: bool = False
    """The steps stop it."""


_THREE, _FOUR = (SIZE,) * 3, (SIZE,) * 4
_ABC = {"a": "in_sync", "b": "in_sync", "c": "in_sync"}
_ONLY_A = {"a": "in_sync"}
_FILLING = {"a": "in_sync", "b": "recovering"}
_SLOW = 32 * KIB


def _whole(letters: str = "ab", **options: int | bool | str | None) -> Steps:
    def steps(turn: Turn) -> None:
        turn.create(letters, **options)  # type: ignore[arg-type]
        turn.settle()
        turn.put(1, 0, 16)
        turn.put(1, 1000, 8)

    return steps


def _adopted(turn: Turn) -> None:
    turn.adopt("a", "b")
    turn.settle()
    turn.put(1, 0, 16)
    turn.put(1, 1000, 8)


def _then(first: Steps, *others: Steps) -> Steps:
    def steps(turn: Turn) -> None:
        for step in (first, *others):
            step(turn)

    return steps


def _do(*verbs: str) -> Steps:
    """Each "verb letter"."""

    def steps(turn: Turn) -> None:
        for words in verbs:
            verb, letter = words.split()
            turn.do(verb, letter)  # type: ignore[arg-type]
            if verb == "fail":
                turn.put(2, 20, 4)
                turn.put(2, 500, 4)

    return steps


def _settle(turn: Turn) -> None:
    turn.settle()


def _slow(turn: Turn) -> None:
    turn.speed(_SLOW)


def _fill(turn: Turn) -> None:
    turn.fill(3)


def _assemble(turn: Turn) -> None:
    turn.assemble()


def _flags_and_name(turn: Turn) -> None:
    turn.mark("a", "write-mostly")
    turn.mark("b", "failfast")
    turn.rename("another")


def _lag(turn: Turn) -> None:
    """b may be behind from now on."""
    turn.mark("b", "write-mostly")
    turn.lag(64)


BAD_BLOCK = 1300
"""Of the array: one that b cannot read and does not write."""


def _bad_blocks(turn: Turn) -> None:
    """What b lost is on its log, and was written to since."""
    turn.fill(3)
    turn.stop()
    at = MIB // BLOCK + BAD_BLOCK
    with bad_disk(turn.world.place / "bad", SIZE, turn.images[1]) as disk:
        members = [turn.path("a"), str(disk.path)]
        turn.world.client.assemble(AssembleRequest(members=members, direct=True))
        disk.decay(at, dead=True)
        turn.check()
        until(lambda: turn.world.client.mirror(turn.name).members[1].bad, "it is on the log")
        turn.put(4, BAD_BLOCK, 1)
        turn.stop()
    listed = tool("mdadm", "--examine-badblocks", turn.path("b"))
    assert re.findall(r"(\d+) for (\d+) sectors", listed) == [(str(at * 8), "8")], listed


def _replace(old: str, new: str) -> Steps:
    return lambda turn: turn.replace(old, new)


def _assemble_without_replacement(turn: Turn) -> None:
    turn.assemble("ab")


_DEGRADED = _then(_whole(), _do("fail b", "remove b"))
_TO_RECOVER = _then(_whole(), _fill, _do("fail b", "remove b"), _slow)
_TO_RE_ADD = _then(_whole(), _do("fail b"), _fill, _do("remove b"), _slow)
_TO_REPLACE = _then(_whole(), _fill, _slow)
_REPLACING = {"a": "in_sync", "b": "in_sync", "c": "recovering"}
_REPLACED = {"b": "in_sync", "c": "in_sync"}
_PAIR = "pair $bitmap; settle; put 1 0 16"

AT_REST: dict[str, Left] = {
    "created": Left(steps=_whole()),
    "created-clean": Left(steps=_whole(clean=True)),
    "created-three": Left(steps=_whole("abc"), sizes=_THREE, found=_ABC),
    "created-four": Left(steps=_whole("abcd"), sizes=_FOUR, found={**_ABC, "d": "in_sync"}),
    "created-chunk-4K": Left(steps=_whole(chunk=4 * KIB)),
    "created-chunk-1M": Left(steps=_whole(chunk=MIB)),
    "created-default": Left(steps=_whole(chunk=None)),
    "created-unequal": Left(steps=_whole(), sizes=(SIZE, 12 * MIB)),
    "created-missing": Left(steps=_whole("a", missing=1), sizes=(SIZE,), found=_ONLY_A),
    "created-small": Left(steps=_whole(size=4 * MIB), size=4 * MIB),
    "failed": Left(steps=_then(_whole(), _do("fail b")), found=_ONLY_A),
    "removed": Left(steps=_DEGRADED, found=_ONLY_A),
    "first-failed": Left(steps=_then(_whole(), _do("fail a")), found={"b": "in_sync"}),
    "three-failed": Left(
        steps=_then(_whole("abc"), _do("fail b")), sizes=_THREE, found={"a": "in_sync", "c": "in_sync"}
    ),
    "re-added": Left(steps=_then(_DEGRADED, _do("re-add b"), _settle)),
    "added": Left(
        steps=_then(_DEGRADED, _do("add c"), _settle), sizes=_THREE, found={"a": "in_sync", "c": "in_sync"}
    ),
    "spare": Left(steps=_then(_whole(), _do("add c")), sizes=_THREE, found={**_ABC, "c": "spare"}),
    "born-with-spare": Left(
        steps=_whole(spares="c"), sizes=_THREE, found={"a": "in_sync", "b": "in_sync", "c": "spare"}
    ),
    "flags-and-name": Left(
        steps=_then(_whole(), _flags_and_name), flags={"a": "write_mostly", "b": "failfast"}
    ),
    "write-behind": Left(
        steps=_then(_whole(), _lag, lambda turn: turn.put(2, 500, 40)), flags={"b": "write_mostly"}
    ),
    "bitmap-removed": Left(steps=_then(_whole(), lambda turn: turn.bitmap(None))),
    "bitmap-changed": Left(
        steps=_then(_whole(), lambda turn: turn.bitmap(None), lambda turn: turn.bitmap(128 * KIB))
    ),
    "grown-in-members": Left(
        steps=_then(_whole(), _do("add c"), lambda turn: turn.grow(3), _settle), sizes=_THREE, found=_ABC
    ),
    "adopted": Left(steps=_adopted, size=SIZE - 128 * KIB),
    "grown-in-size": Left(
        steps=_then(
            _whole(size=4 * MIB), lambda turn: turn.enlarge(), lambda turn: turn.put(4, 1700, 4), _settle
        )
    ),
    "grown-in-size-no-bitmap": Left(
        steps=_then(
            _whole(size=4 * MIB),
            lambda turn: turn.bitmap(None),
            lambda turn: turn.enlarge(),
            lambda turn: turn.put(4, 1700, 4),
            _settle,
        )
    ),
    "made-read-only": Left(steps=_then(_whole(), lambda turn: turn.make_readonly())),
    "spare-took-over": Left(
        steps=_then(_whole(), _do("add c", "fail b"), _settle),
        sizes=_THREE,
        found={"a": "in_sync", "c": "in_sync"},
    ),
    "replaced": Left(steps=_then(_whole(), _replace("a", "c"), _settle), sizes=_THREE, found=_REPLACED),
    "replaced-by-spare": Left(
        steps=_then(_whole(), _do("add c"), _replace("b", "c"), _settle),
        sizes=_THREE,
        found={"a": "in_sync", "c": "in_sync"},
    ),
    "mid-replace": Left(
        steps=_then(_TO_REPLACE, _replace("a", "c")),
        sizes=_THREE,
        found=_REPLACING,
        ends=_REPLACED,
        actions=("recover",),
    ),
    "mid-replace-failed": Left(
        steps=_then(_TO_REPLACE, _replace("a", "c"), _do("fail a")),
        sizes=_THREE,
        found={"b": "in_sync", "c": "recovering"},
        actions=("recover",),
    ),
    "mid-recovery": Left(steps=_then(_TO_RECOVER, _do("add b")), found=_FILLING, actions=("recover",)),
    "mid-re-add": Left(steps=_then(_TO_RE_ADD, _do("re-add b")), found=_FILLING, actions=("recover",)),
    "spare-takes-over": Left(
        steps=_then(_whole(), _fill, _do("add c"), _slow, _do("fail b")),
        sizes=_THREE,
        found={"a": "in_sync", "c": "recovering"},
        actions=("recover",),
    ),
    "bad-blocks": Left(
        steps=_then(_whole(), _bad_blocks),
        stopped=True,
        looks="log=$sys/dev-${b#/dev/}/bad_blocks; tell log $(cat $log);"
        f" for n in 1 2 3 4 5 6 7 8; do tell block $(dd if=$dev bs=4k skip={BAD_BLOCK} count=1 iflag=direct | md5sum);"
        f" done; put 5 {BAD_BLOCK} 1; sleep 1; tell healed $(cat $log)",
    ),
}
"""Stopped cleanly."""

_BUSY: dict[str, Left] = {
    "busy": Left(steps=_whole(), killed=_nothing, actions=("resync",)),
    "busy-three": Left(steps=_whole("abc"), killed=_nothing, sizes=_THREE, found=_ABC, actions=("resync",)),
    "busy-chunk-4K": Left(steps=_whole(chunk=4 * KIB), killed=_nothing, actions=("resync",)),
    "busy-bitmap-changed": Left(
        steps=_whole(), killed=lambda turn: turn.bitmap(128 * KIB), actions=("resync",)
    ),
    "busy-write-behind": Left(
        steps=_then(_whole(), _lag), killed=_nothing, flags={"b": "write_mostly"}, actions=("resync",)
    ),
    "busy-degraded": Left(steps=_DEGRADED, killed=_nothing, found=_ONLY_A),
    "busy-fail": Left(steps=_whole(), killed=_do("fail b"), found=_ONLY_A),
    "busy-recovery": Left(steps=_TO_RECOVER, killed=_do("add b"), found=_FILLING, actions=("recover",)),
    "busy-replace": Left(
        steps=_TO_REPLACE,
        killed=_replace("a", "c"),
        sizes=_THREE,
        found=_REPLACING,
        ends=_REPLACED,
        actions=("recover", "resync"),
    ),
    "busy-re-add": Left(steps=_TO_RE_ADD, killed=_do("re-add b"), found=_FILLING, actions=("recover",)),
    **{
        f"busy-v1.{minor}-no-bitmap": Left(
            made=f"pair --metadata=1.{minor} --bitmap=none; settle; put 1 0 16; stop",
            steps=_assemble,
            killed=_nothing,
            actions=("resync",),
            size=(8 * MIB - 64 * KIB) if minor == 0 else 7 * MIB,
        )
        for minor in (0, 1)
    },
    "busy-v1.0": Left(
        made=f"{_PAIR.replace('pair', 'pair --metadata=1.0')}; stop",
        steps=_assemble,
        killed=_nothing,
        actions=("resync",),
        size=8 * MIB - 64 * KIB,
    ),
    "busy-without-replacement": Left(
        made="pair $bitmap; settle; fill 1 1024; manage --add-spare $c; copy_to 4096; manage --replace $a --with $c;"
        " shows $c 'Recovery Offset : [1-9]'; mdadm --stop $dev",
        steps=_assemble_without_replacement,
        killed=_nothing,
        sizes=_THREE,
        found={"a": "in_sync", "b": "in_sync"},
        actions=("resync",),
    ),
}
KILLS = 3
"""Times that each is killed."""

LEAVINGS: dict[str, Left] = {
    **AT_REST,
    **{f"{name}-{number}": left for name, left in _BUSY.items() for number in range(KILLS)},
}
"""By name; the README's table of states cites these."""
