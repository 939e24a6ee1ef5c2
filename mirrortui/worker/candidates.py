"""Devices that are to become members: what overwriting them loses, and how deliberate it must be (I12, I14)."""

from __future__ import annotations

from typing import Literal

from mirrortui.device.looks import look
from mirrortui.device.probe import Peek, Probe, check_candidate
from mirrortui.errors import RefusedError
from mirrortui.format.inspect import Examination, examine


def losses(found: Probe) -> list[str]:
    """What is lost when it is overwritten, a sentence each."""
    if found.signatures:
        return [f"{found.path} holds {signature}." for signature in found.signatures]
    return [] if found.blank else [f"{found.path} is not empty, though nothing on it is known."]


def deliberation(*candidates: Probe) -> Literal["none", "yes", "name"]:
    """How overwriting them must be confirmed."""
    if any(found.signatures for found in candidates):
        return "name"
    return "none" if all(found.blank for found in candidates) else "yes"


def examine_member(path: str) -> Examination:
    """What a member bears, read without claiming it. Raises MemberError for what cannot be read, or does not answer."""
    return look(path, _examine)


def _examine(path: str) -> Examination:
    with Peek(path, fresh=True) as peek:
        return examine(peek.read, peek.size, path)


def newcomer(path: str, force: bool, mirror: str, uuid: bytes) -> Probe:
    """A device that is to be added to a mirror. Raises what check_candidate raises; a former member is told so."""
    try:
        return check_candidate(path, force=force)
    except RefusedError as error:
        borne = examine_member(path).superblock
        if borne is None or borne.set_uuid != uuid:
            raise
        raise RefusedError(
            f"{path} was a member of {mirror} before; nothing was written.",
            hint="re-add copies only what changed since; with --force it is filled as if it were new.",
        ) from error
