"""Arrays that the kernel makes and leaves in every state, and what they must be when they are opened here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mirrortui.api.interface import MemberVerb
from mirrortui.units import KIB, MIB, TIB
from tests.interop.kernel.scenes import SIZE


@dataclass(frozen=True, kw_only=True)
class State:
    """How the kernel makes it, and what is found."""

    script: str
    """Where an array still runs at its end, it loses its power."""
    members: int = 2
    sizes: tuple[int, ...] = ()
    """Bytes of each member, where not the usual."""
    minor: int = 2
    chunk: int | None = 64 * KIB
    """Bytes of the bitmap's, None: no bitmap."""
    size: int | None = None
    """Bytes of the array, where it is told."""
    disks: int | None = None
    """Members that it should have; None: all that there are."""
    found: dict[str, str]
    """State by member in the end."""
    copies: str = ""
    """How the event of a copy begins (a pattern); empty: nothing is copied."""
    verbs: tuple[tuple[MemberVerb, str], ...] = ()
    """What is done to which member once it runs."""
    spoiled: tuple[tuple[str, int], ...] = ()
    """Blocks of members that are made to differ before it is opened: the copy must make them equal."""
    write_mostly: str = ""
    """Members that are read from only when no other can be."""
    huge: bool = False
    """Too large to be read or checked as a whole."""
    as_it_was: bool = False
    """Opened and stopped, it has not changed by a byte."""
    foreign: str = ""
    """Members with which mdadm assembles none of the others."""


def _whole(script: str, *, members: int = 2, **more: Any) -> State:
    """All in sync, stopped cleanly: opening changes nothing."""
    found = more.pop("found", dict.fromkeys("abcd"[:members], "in_sync"))
    return State(script=f"{script}; stop", members=members, found=found, as_it_was=True, **more)


_BOTH = {"a": "in_sync", "b": "in_sync"}
_ONLY_A = {"a": "in_sync", "b": "faulty"}
_DIFFERENT = "dd if=$ink of=$b bs=1M seek=1 count=7"
"""What a member held before it became one."""
_WRITTEN = "settle; put 1 0 16; put 1 1000 8"
_WITHOUT_B = "manage --fail $b; manage --remove $b; put 2 20 4; put 2 500 4"
_DEGRADED = f"{_WRITTEN}; {_WITHOUT_B}"
_TO_RECOVER = "create --raid-devices=2 $bitmap $a missing; fill 1 1024; copy_to 4096; manage --add $b"
_TO_RE_ADD = (
    "pair $bitmap; settle; put 1 0 16; manage --fail $b; manage --remove $b; fill 2 1024;"
    " copy_to 4096; manage --re-add $b"
)
_PARTLY = "shows $b 'Recovery Offset : [1-9]'"
_RESYNCED_PARTLY = "copy_to 4096; until is resync_start '[1-9]*'; do nap; done"
_REPLACING = (
    "pair $bitmap; settle; fill 1 1024; manage --add-spare $c; copy_to 4096;"
    " manage --replace $a --with $c; shows $c 'Recovery Offset : [1-9]'"
)

STATES: dict[str, State] = {
    # Format: versions, bitmaps, sizes, names.
    **{
        f"v1.{minor}-bitmap": _whole(
            f"pair --metadata=1.{minor} $bitmap; {_WRITTEN}; idle_bits $a", minor=minor
        )
        for minor in (0, 1, 2)
    },
    **{
        f"v1.{minor}-no-bitmap": _whole(
            f"pair --metadata=1.{minor} --bitmap=none; {_WRITTEN}", minor=minor, chunk=None
        )
        for minor in (0, 1, 2)
    },
    "chunk-4K": _whole(f"pair --bitmap=internal --bitmap-chunk=4K; {_WRITTEN}", chunk=4 * KIB),
    "chunk-1M": _whole(f"pair --bitmap=internal --bitmap-chunk=1M; {_WRITTEN}", chunk=MIB),
    "chunk-default": _whole(f"pair --bitmap=internal; {_WRITTEN}", chunk=64 * MIB),
    "bitmap-removed": _whole(f"pair $bitmap; {_WRITTEN}; grow --bitmap=none", chunk=None),
    "bitmap-added": _whole(f"pair --bitmap=none; {_WRITTEN}; grow $bitmap; put 2 30 4"),
    "no-log": _whole(
        f"pair $bitmap; {_WRITTEN}; stop; mdadm --assemble $dev --update=no-bbl $a $b; put 2 30 4"
    ),
    "data-offset": _whole(f"pair $bitmap --data-offset=4M; {_WRITTEN}"),
    "unequal": _whole(f"pair $bitmap; {_WRITTEN}", sizes=(SIZE, 12 * MIB), size=7 * MIB),
    "size-limited": _whole(f"pair $bitmap --size=4M; {_WRITTEN}", size=4 * MIB),
    "homehost": _whole(f"pair $bitmap --homehost=another; {_WRITTEN}"),
    "no-homehost": _whole(f"pair $bitmap --homehost=any; {_WRITTEN}"),
    "huge": _whole(
        "pair --bitmap=internal --assume-clean; put 1 0 8; put 2 671088640 8; put 3 804000000 1; idle_bits $a",
        sizes=(3 * TIB, 3 * TIB),
        chunk=64 * MIB,
        huge=True,
    ),
    # Members: how many, of what kind.
    "three-way": _whole(f"create --raid-devices=3 $bitmap $a $b $c; {_WRITTEN}", members=3),
    "four-way": _whole(f"create --raid-devices=4 $bitmap $a $b $c $d; {_WRITTEN}", members=4),
    "write-mostly": _whole(
        f"create --raid-devices=2 $bitmap --write-behind=256 $a --write-mostly $b; {_WRITTEN}",
        write_mostly="b",
    ),
    "failfast": _whole(f"create --raid-devices=2 $bitmap --failfast $a $b; {_WRITTEN}"),
    "spare": _whole(
        f"create --raid-devices=2 --spare-devices=1 $bitmap $a $b $c; {_WRITTEN}",
        members=3,
        disks=2,
        found={**_BOTH, "c": "spare"},
    ),
    "spare-took-over": State(
        script=f"create --raid-devices=2 --spare-devices=1 $bitmap $a $b $c; {_WRITTEN}; manage --fail $b; sleep 1;"
        " whole; put 2 30 4; stop",
        members=3,
        disks=2,
        found={"a": "in_sync", "b": "faulty", "c": "in_sync"},
    ),
    "grown-in-members": _whole(
        f"pair $bitmap; {_WRITTEN}; grow --raid-devices=3 --add $c; whole; put 2 30 4", members=3
    ),
    "shrunk-in-members": _whole(
        f"create --raid-devices=3 $bitmap $a $b $c; {_WRITTEN}; manage --fail $c; manage --remove $c;"
        " grow --raid-devices=2; put 2 30 4",
        members=3,
        disks=2,
        found={**_BOTH, "c": "faulty"},
        foreign="c",
    ),
    "grown-in-size": _whole(
        f"pair $bitmap --size=4M; {_WRITTEN}; grow --size=max; settle; put 2 1700 4", size=7 * MIB
    ),
    # Degraded.
    "created-missing": State(
        script="create --raid-devices=2 $bitmap $a missing; put 1 3 4; stop",
        members=1,
        disks=2,
        found={"a": "in_sync"},
    ),
    "removed": State(script=f"pair $bitmap; {_DEGRADED}; stop", found=_ONLY_A),
    "failed": State(script=f"pair $bitmap; {_WRITTEN}; manage --fail $b; put 2 20 4; stop", found=_ONLY_A),
    "failed-and-cut": State(
        script=f"pair $bitmap; {_WRITTEN}; manage --fail $b; put 2 20 4; busy 2 900", found=_ONLY_A
    ),
    "first-failed": State(
        script=f"pair $bitmap; {_WRITTEN}; manage --fail $a; put 2 20 4; stop",
        found={"a": "faulty", "b": "in_sync"},
    ),
    "three-way-removed": State(
        script=f"create --raid-devices=3 $bitmap $a $b $c; {_DEGRADED}; stop",
        members=3,
        found={**_ONLY_A, "c": "in_sync"},
    ),
    "four-way-two-failed": State(
        script=f"create --raid-devices=4 $bitmap $a $b $c $d; {_DEGRADED}; manage --fail $d; put 3 21 4; stop",
        members=4,
        found={**_ONLY_A, "c": "in_sync", "d": "faulty"},
    ),
    # A stale member comes back.
    "re-added": _whole(f"pair $bitmap; {_DEGRADED}; manage --re-add $b; whole; put 3 9 2"),
    "added-in-full": _whole(
        f"pair --bitmap=none; {_DEGRADED}; manage --add $b; whole; put 3 9 2", chunk=None
    ),
    "stale-re-add": State(
        # Until the bits of the first resync are gone a re-add rightly copies all that they mark.
        script=f"pair $bitmap; {_WRITTEN}; idle_bits $a; {_WITHOUT_B}; stop",
        found=_BOTH,
        verbs=(("re-add", "b"),),
        copies=r"recovery of 128(\.0+)? KiB",
    ),
    "stale-no-bitmap": State(
        script=f"pair --bitmap=none; {_DEGRADED}; stop",
        chunk=None,
        found=_BOTH,
        verbs=(("remove", "b"), ("add", "b")),
        copies=r"recovery of 7(\.0+)? MiB",
    ),
    # Cut in the middle of a copy.
    "mid-resync": State(
        script=f"{_DIFFERENT}; pair $bitmap; put 1 5 4; put 1 1750 4",
        found=_BOTH,
        copies=r"resync of [67]\.?\d* MiB",
    ),
    "mid-resync-stopped": State(
        script=f"{_DIFFERENT}; pair $bitmap; put 1 5 4; put 1 1750 4; sleep 1; mdadm --stop $dev",
        found=_BOTH,
        copies="resync of ",
    ),
    "mid-resync-no-bitmap": State(
        script=f"{_DIFFERENT}; pair --bitmap=none; {_RESYNCED_PARTLY}; sleep 1",
        chunk=None,
        found=_BOTH,
        copies="resync of ",
    ),
    "mid-resync-no-bitmap-stopped": State(
        script=f"{_DIFFERENT}; pair --bitmap=none; {_RESYNCED_PARTLY}; mdadm --stop $dev",
        chunk=None,
        found=_BOTH,
        copies="resync of ",
    ),
    "mid-recovery": State(script=f"{_TO_RECOVER}; {_PARTLY}; put 2 5 4", found=_BOTH, copies="recovery of "),
    "mid-recovery-stopped": State(
        script=f"{_TO_RECOVER}; {_PARTLY}; put 2 5 4; put 2 1700 4; mdadm --stop $dev",
        found=_BOTH,
        copies="recovery of ",
    ),
    "mid-recovery-busy": State(
        script=f"{_TO_RECOVER}; {_PARTLY}; busy 2 5; busy 3 1700", found=_BOTH, copies="recovery of "
    ),
    "mid-recovery-no-bitmap": State(
        script=f"{_TO_RECOVER}; {_PARTLY}; put 2 5 4".replace("$bitmap", "--bitmap=none"),
        chunk=None,
        found=_BOTH,
        copies="recovery of ",
    ),
    "mid-re-add": State(script=f"{_TO_RE_ADD}; {_PARTLY}; put 3 5 4", found=_BOTH, copies="recovery of "),
    "mid-re-add-stopped": State(
        script=f"{_TO_RE_ADD}; {_PARTLY}; put 3 5 4; put 3 1700 4; mdadm --stop $dev",
        found=_BOTH,
        copies="recovery of ",
    ),
    # What is replaced in the end is no member any more.
    "mid-replace": State(
        script=f"{_REPLACING}; put 2 5 4; shows $a 'State : clean'",
        members=3,
        disks=2,
        found={"b": "in_sync", "c": "in_sync"},
        copies="recovery of ",
    ),
    "mid-replace-stopped": State(
        script=f"{_REPLACING}; put 2 5 4; put 2 1700 4; mdadm --stop $dev",
        members=3,
        disks=2,
        found={"b": "in_sync", "c": "in_sync"},
        copies="recovery of ",
    ),
    "mid-replace-busy": State(
        script=f"{_REPLACING}; busy 2 5; busy 3 1700",
        members=3,
        disks=2,
        found={"b": "in_sync", "c": "in_sync"},
        copies="recovery of ",
    ),
    "mid-replace-no-bitmap": State(
        script=f"{_REPLACING}; put 2 5 4; shows $a 'State : clean'".replace("$bitmap", "--bitmap=none"),
        chunk=None,
        members=3,
        disks=2,
        found={"b": "in_sync", "c": "in_sync"},
        copies="recovery of ",
    ),
    "mid-replace-failed": State(
        script=f"{_REPLACING}; put 2 5 4; manage --fail $a; put 3 9 2; put 3 1500 4",
        members=3,
        disks=2,
        found={"a": "faulty", "b": "in_sync", "c": "in_sync"},
        copies="recovery of ",
    ),
    "replaced": State(
        script=f"pair $bitmap; {_WRITTEN}; manage --add-spare $c; manage --replace $a --with $c; sleep 1; settle;"
        " put 2 5 4; stop",
        members=3,
        disks=2,
        found={"a": "faulty", "b": "in_sync", "c": "in_sync"},
    ),
    # Not stopped.
    "unclean": State(
        script=f"pair $bitmap; {_WRITTEN}; idle_bits $a; busy 2 100; busy 3 1700",
        found=_BOTH,
        copies=r"resync of 128(\.0+)? KiB",
        spoiled=(("b", 101), ("b", 1701)),
    ),
    "unclean-no-bitmap": State(
        script=f"pair --bitmap=none; {_WRITTEN}; busy 2 100",
        chunk=None,
        found=_BOTH,
        copies=r"resync of 7(\.0+)? MiB",
        spoiled=(("b", 101), ("b", 1701)),
    ),
    "unclean-three-way": State(
        script=f"create --raid-devices=3 $bitmap $a $b $c; {_WRITTEN}; idle_bits $a; busy 2 100",
        members=3,
        found={**_BOTH, "c": "in_sync"},
        copies=r"resync of 64(\.0+)? KiB",
        spoiled=(("b", 101), ("c", 102)),
    ),
    "unclean-degraded": State(script=f"pair $bitmap; {_DEGRADED}; busy 3 700", found=_ONLY_A),
    "idle-and-cut": State(script=f"pair $bitmap; {_WRITTEN}; shows $a 'State : clean'", found=_BOTH),
    # Bad blocks on one member: elsewhere it is read, and it is healed.
    "bad-blocks": State(
        script=f"pair $bitmap; {_WRITTEN}; echo 2128 16 > $sys/dev-${{b#/dev/}}/bad_blocks; put 2 500 1;"
        " shows $b 'bad blocks present'; stop",
        found=_BOTH,
        copies="resync of ",
        spoiled=(("b", 10), ("b", 11)),
    ),
}
"""By name; the README's table of states cites these."""
