"""Block devices as the API shows them, and the mirrors that lie on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mirrortui.api.answers import DeviceInfo
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AssembleRequest
from mirrortui.device.discovery import DiscoveredDevice, discover
from mirrortui.errors import MirrortuiError
from mirrortui.format.superblock import Superblock, format_uuid
from mirrortui.worker.candidates import examine_member


def list_devices(mirrors: Sequence[Mirror]) -> list[DeviceInfo]:
    """Every block device, and why it cannot be a member. Blocks."""
    members = _members(mirrors)
    return [
        DeviceInfo(
            path=found.path,
            size=found.size,
            model=found.model,
            serial=found.serial,
            transport=found.transport,
            sector=found.sector,
            parent=found.parent,
            holds=_holds(found, members),
            why_not=found.why_not,
        )
        for found in discover(members)
    ]


def find_mirrors(mirrors: Sequence[Mirror]) -> list[AssembleRequest]:
    """Mirrors on block devices that nobody uses, and that none of `mirrors` is. Blocks."""
    known = {mirror.uuid for mirror in mirrors}
    found: dict[str, list[str]] = {}
    for device in discover(_members(mirrors)):
        sb = _superblock(device)
        if sb and sb.level == 1 and (uuid := format_uuid(sb.set_uuid)) not in known:
            found.setdefault(uuid, []).append(device.path)
    return [AssembleRequest(members=paths) for paths in found.values()]


def _members(mirrors: Sequence[Mirror]) -> dict[str, str]:
    return {member.path: mirror.name for mirror in mirrors for member in mirror.members if member.path}


def _holds(found: DiscoveredDevice, members: Mapping[str, str]) -> str:
    if name := members.get(found.path):
        return f"member of {name}"
    return ", ".join(str(signature) for signature in found.signatures)


def _superblock(found: DiscoveredDevice) -> Superblock | None:
    """The superblock of a device that bears one and is free."""
    bears = any(signature.kind.startswith("MD 1.") for signature in found.signatures)
    if not bears or not (found.why_not or "").startswith("holds "):
        return None
    try:
        return examine_member(found.path).superblock
    except MirrortuiError:
        return None
