"""A mirror from one driver to the other: what must hold first, the commands that do it, and how it is undone.

The two never have it at once: whoever had it has closed its members before the other opens them, and both take block
devices for themselves alone.
"""

from __future__ import annotations

import re
import shlex
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from mirrortui.api.names import checked
from mirrortui.device import usage
from mirrortui.errors import DivergedError, MemberError, MirrortuiError, RefusedError
from mirrortui.format.foreign import check_usable
from mirrortui.format.superblock import ROLE_FAULTY, format_uuid
from mirrortui.kernel.hand import Hand, find_program, program
from mirrortui.kernel.lookout import Seen
from mirrortui.kernel.metadata import read_member
from mirrortui.kernel.plans import check_unused
from mirrortui.kernel.sysfs import KernelArray, Sysfs
from mirrortui.mirror.assembly.decide import decide
from mirrortui.mirror.assembly.found import Found
from mirrortui.worker.candidates import examine_member

_GONE_WITHIN = 10.0
"""Seconds until the kernel has let go of the members of an array that was stopped."""
_GLANCE = 0.05
_UDEV = Path("/run/udev/control")


def kernels(paths: Sequence[str]) -> str:
    """Which kernels can assemble these members, as a sentence.

    Raises MemberError, RefusedError for what the kernel would not take, or not as meant.
    """
    read_members(paths)
    since = (0, 0)
    for path in paths:
        found = examine_member(path).interop
        if found is None or found.since is None:
            raise RefusedError(
                f"{path}: {found or 'it bears no MD superblock'}.", hint="Nothing was stopped."
            )
        since = max(since, found.since)
    return f"Linux {since[0]}.{since[1]} and later can assemble it."


def read_members(paths: Sequence[str]) -> list[Found]:
    """Their superblocks and bitmaps. Raises MemberError, RefusedError for what the kernel would not take, or not as
    meant.
    """
    found = [read_member(path) for path in paths]
    if not found:
        raise MemberError("It has no members.")
    for f in found:
        check_usable(f.superblock, f.path)
    return found


def check_handed_over(found: Sequence[Found]) -> None:
    """The members of a mirror that was stopped are what the kernel starts without a question.

    Raises RefusedError, which names what is in the way.
    """
    active = [f for f in found if f.superblock.role < ROLE_FAULTY]
    reasons = [
        f"{f.path} belongs to another array"
        for f in found
        if f.superblock.set_uuid != found[0].superblock.set_uuid
    ]
    for f in active:
        first, sb = active[0], f.superblock
        if sb.events != first.superblock.events:
            reasons.append(f"{f.path} has events {sb.events}, {first.path} {first.superblock.events}")
        if sb.dev_roles != first.superblock.dev_roles:
            reasons.append(f"{f.path} and {first.path} do not agree on who has which role")
        if f.header and f.header.out_of_date(sb.events):
            reasons.append(f"the bitmap of {f.path} is out of date")
    if not reasons:
        try:
            verdict = decide(found)
        except (MemberError, DivergedError, RefusedError) as error:
            reasons.append(error.what.rstrip("."))
        else:
            reasons += [f"{out.path}: {out.why}" for out in verdict.left_out]
    if reasons:
        raise RefusedError(f"The kernel would not take it as it is: {'; '.join(reasons)}.")


def images(paths: Sequence[str]) -> list[str]:
    """Those that are no block devices. Raises MemberError for what is not there."""
    found = []
    for path in paths:
        try:
            mode = Path(path).stat().st_mode
        except OSError as error:
            raise MemberError(f"{path} cannot be looked at: {error.strerror}.") from error
        if not stat.S_ISBLK(mode):
            found.append(path)
    return found


def commands(name: str, paths: Sequence[str], on_loops: Sequence[str], device: str = "") -> list[str]:
    """What a shell must be told to have the kernel assemble it."""
    lines, words = [], []
    for number, path in enumerate(paths):
        if path in on_loops:
            lines.append(f"loop{number}=$(losetup --find --show {shlex.quote(path)})")
            words.append(f'"$loop{number}"')
        else:
            words.append(shlex.quote(path))
    return [*lines, " ".join(["mdadm", "--assemble", shlex.quote(device or node(name)), *words])]


def node(name: str) -> str:
    """Where mdadm puts an array of that name."""
    return f"/dev/md/{checked(name)}"


def check_tools(on_loops: Sequence[str]) -> None:
    """Raises RefusedError, which names the package that is missing."""
    program("mdadm", "mdadm", "it assembles the kernel's arrays")
    if on_loops:
        program("losetup", "util-linux", "it puts images on loop devices")


class Exchange:
    """Does it; blocks. `sysfs` is the kernel's that is meant."""

    def __init__(self, sysfs: Sysfs, hand: Hand) -> None:
        self._sysfs = sysfs
        self._hand = hand

    @property
    def has_md(self) -> bool:
        """This machine's kernel can run arrays."""
        return self._sysfs.has_md

    def assemble(self, name: str, found: Sequence[Found], on_loops: Sequence[str]) -> KernelArray:
        """Have the kernel start the array. Raises MirrortuiError; then it does not run, and no loop device is left."""
        uuid = format_uuid(found[0].superblock.set_uuid)
        self._let_udev_settle()
        if array := self._started(uuid):  # udev knows mdadm, too, and saw the members as they became free
            return array
        loops: dict[str, str] = {}
        try:
            for path in on_loops:
                loops[path] = self._losetup("--find", "--show", path).strip()
            self._clear_fragments(uuid)
            self._hand.mdadm("--assemble", node(name), *(loops.get(f.path, f.path) for f in found))
            return self._check_started(uuid, found)
        except MirrortuiError:
            self._clear_fragments(uuid)
            for loop in loops.values():
                self._losetup("--detach", loop)
            raise

    def stop(self, array: KernelArray, images: Sequence[str]) -> None:
        """Stop a kernel's array, and free the loop devices of these images.

        Raises InUseError or RefusedError; then it runs on.
        """
        check_unused(array)
        self._hand.set(array.directory, "array_state", "clear")
        deadline = time.monotonic() + _GONE_WITHIN
        while self._holds(array):
            if time.monotonic() > deadline:
                raise RefusedError(
                    f"{array.path} was stopped, and the kernel has not let go of its members within "
                    f"{_GONE_WITHIN:.0f} s.",
                    hint="Look at the kernel's log.",
                )
            time.sleep(_GLANCE)
        for loop in self.loops(array, images):
            self._losetup("--detach", loop)

    def loops(self, array: KernelArray, images: Sequence[str]) -> dict[str, str]:
        """The loop devices among an array's members that have their bytes in one of these images; with the image."""
        found = {}
        for member in array.members:
            backing = _backing(member.path)
            image = next((path for path in images if backing and _same_file(path, backing)), None)
            if image:
                found[member.path] = image
        return found

    def _holds(self, array: KernelArray) -> bool:
        """md still has a member of an array that it was told to stop."""
        left = self._sysfs.array(array.device)
        return left is not None and bool(left.members)

    def _started(self, uuid: str) -> KernelArray | None:
        return next((array for array in self._sysfs.arrays() if array.uuid == uuid and array.running), None)

    def _check_started(self, uuid: str, found: Sequence[Found]) -> KernelArray:
        array = self._started(uuid)
        if array is None:
            raise RefusedError("mdadm assembled it, and the kernel did not start it.")
        wanted = sum(f.superblock.role < ROLE_FAULTY for f in found)
        seated = sum(member.slot is not None and not member.faulty for member in array.members)
        if seated < wanted:
            self._hand.set(array.directory, "array_state", "clear")
            raise RefusedError(f"The kernel took {seated} of {wanted} members; it was stopped again.")
        return array

    def _clear_fragments(self, uuid: str) -> None:
        """Stop what holds some of the members and was not started."""
        for array in self._sysfs.arrays():
            if not array.running and any(_bears(member.path, uuid) for member in array.members):
                self._hand.set(array.directory, "array_state", "clear")

    def _losetup(self, *words: str) -> str:
        return self._hand.run([program("losetup", "util-linux", "it puts images on loop devices"), *words])

    def _let_udev_settle(self) -> None:
        udevadm = find_program("udevadm")
        if udevadm and _UDEV.exists():
            self._hand.run([udevadm, "settle", "--timeout=10"])


def check_takeover(seen: Seen) -> list[str]:
    """What is worth a word before an array is taken over. Raises RefusedError, InUseError where it cannot be."""
    array, metadata = seen.array, seen.metadata
    if not array.running:
        raise RefusedError(
            f"{seen.name} is not started.",
            hint=f'"mirrortui stop {seen.name}" frees its members, and "mirrortui assemble" takes them.',
        )
    check_unused(array)
    if array.external or not re.fullmatch(r"1\.[012]", array.metadata):
        raise RefusedError(
            f"{seen.name} has metadata of version {array.metadata}; mirrortui runs versions 1.0, 1.1 and 1.2.",
            hint="It stays with the kernel.",
        )
    active = [member.path for member in array.members if not member.faulty]
    unread = [path for path in active if path not in {found.path for found in metadata.found}]
    if metadata.problem or unread:
        raise RefusedError(
            f"{seen.name} cannot be taken over: "
            f"{metadata.problem.what if metadata.problem else f'{unread[0]} could not be read.'}",
            hint="It stays with the kernel; nothing was changed.",
        )
    for found in metadata.found:
        check_usable(found.superblock, found.path)
    verdict = decide(metadata.found, run=True)
    notes = [f"{out.path} will be left out: {out.why}." for out in verdict.left_out]
    faulty = [member.path for member in array.members if member.faulty]
    return notes + [f"{path} is faulty and stays out." for path in faulty]


def own_name(seen: Seen) -> str:
    """The mirror's name by its superblock."""
    return seen.metadata.superblock.label if seen.metadata.superblock else seen.name


def _backing(path: str) -> str | None:
    try:
        return usage.backing_file(Path(path).stat().st_rdev)
    except OSError:
        return None


def _same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return False


def _bears(path: str, uuid: str) -> bool:
    try:
        return format_uuid(read_member(path).superblock.set_uuid) == uuid
    except MirrortuiError:
        return False
