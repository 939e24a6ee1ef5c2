"""What `examine` finds, for JSON: sizes and places in bytes, times in seconds since 1970 UTC."""

from __future__ import annotations

from typing import Any

from mirrortui.format import superblock
from mirrortui.format.foreign import level_name
from mirrortui.format.inspect import ROLES, BitmapSummary, Examination, array_state
from mirrortui.format.lookup import Found
from mirrortui.format.names import printable
from mirrortui.format.superblock import Feature, Superblock, format_uuid, seconds
from mirrortui.units import SECTOR


def to_dict(examination: Examination) -> dict[str, Any]:
    """One member."""
    first = examination.found[0] if examination.found else None
    return {
        "path": examination.path,
        "size": examination.size,
        "version": first.version if first else None,
        "offset": first.offset if first else None,
        "problem": first.problem if first else "No MD superblock.",
        "superblock": _superblock(examination.superblock) if examination.superblock else None,
        "damaged": _damaged(first) if first and first.flaws else None,
        "bitmap": _bitmap(examination.bitmap) if examination.bitmap else None,
        "bad_blocks": [
            {"offset": bad.sector * SECTOR, "length": bad.length * SECTOR} for bad in examination.bad_blocks
        ],
        "interop": examination.interop.to_dict() if examination.interop else None,
        "warnings": list(examination.warnings),
    }


def _superblock(sb: Superblock) -> dict[str, Any]:
    return {
        "uuid": format_uuid(sb.set_uuid),
        "name": printable(sb.set_name),
        "level": sb.level,
        "level_name": level_name(sb.level),
        "raid_disks": sb.raid_disks,
        "array_state": array_state(sb),
        "array_size": sb.size * SECTOR,
        "created": seconds(sb.ctime),
        "updated": seconds(sb.utime),
        "events": sb.events,
        "clean": sb.clean,
        "resynced": None if sb.clean else sb.resync_offset * SECTOR,
        "device_uuid": format_uuid(sb.device_uuid) if sb.major_version else None,
        "slot": sb.dev_number,
        "role": ROLES.get(sb.role, sb.role),
        "recovered": sb.recovery_offset * SECTOR if sb.recovering else None,
        "data_offset": sb.data_offset * SECTOR,
        "data_size": sb.data_size * SECTOR,
        "write_mostly": bool(sb.devflags & superblock.WRITE_MOSTLY),
        "failfast": bool(sb.devflags & superblock.FAILFAST),
        "features": _feature_words(sb.feature_map),
    }


def _damaged(found: Found) -> dict[str, Any]:
    """What is wrong, and what it says all the same: the fields that are wrong are among it."""
    wrong = [{"field": flaw.field, "value": flaw.value, "expected": flaw.expected} for flaw in found.flaws]
    return {"wrong": wrong, "says": _superblock(found.reading) if found.reading else None}


def _feature_words(features: Feature) -> list[str]:
    known = [feature for feature in Feature if feature in features]
    unknown = int(features) & ~sum(known)
    return [str(feature.name).lower() for feature in known] + ([hex(unknown)] if unknown else [])


def _bitmap(summary: BitmapSummary) -> dict[str, Any]:
    header = summary.header
    return {
        "version": header.version,
        "chunk": header.chunksize,
        "chunks": summary.chunks,
        "dirty": summary.dirty,
        "events": header.events,
        "events_cleared": header.events_cleared,
    }
