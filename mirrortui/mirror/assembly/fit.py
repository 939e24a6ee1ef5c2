"""Whether a member can hold what its mirror would write to it: asked before anything is written."""

from __future__ import annotations

from mirrortui.device.base import Device
from mirrortui.errors import FormatError, RefusedError
from mirrortui.format import bitmap
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.units import SECTOR, format_size


def misfit(
    sb: Superblock, own: BitmapHeader | None, *, size: int, slots: int, header: BitmapHeader | None
) -> str:
    """Why a member cannot take part in an array of `size` sectors with that many slots and that bitmap; empty if it
    can. `own` is the header of its own bitmap.
    """
    if sb.dev_number >= slots:
        return f"its slot {sb.dev_number} is beyond the {slots} of the array"
    if sb.size != size:
        return f"by its superblock the array has {sb.size} sectors, not {size}"
    if header is None:
        return ""
    if own is None:
        return "it has no place for the write-intent bitmap"
    if own.chunksize != header.chunksize:
        return f"its bitmap has chunks of {format_size(own.chunksize)}, not {format_size(header.chunksize)}"
    try:
        bitmap.check_belongs(header, sb)
    except FormatError as problem:
        return problem.what
    return ""


def check_blocks(device: Device, sb: Superblock, chunk: int) -> None:
    """Raise RefusedError unless the device takes data, chunks of `chunk` bytes and metadata in whole blocks."""
    unit = max(device.atom, device.block_size)
    places = {"superblock": sb.super_offset * SECTOR}
    if sb.has_bitmap:
        places["bitmap"] = sb.bitmap_sector * SECTOR
    if Feature.BAD_BLOCKS in sb.feature_map:
        places["bad-block log"] = sb.bblog_sector * SECTOR
    odd = [what for what, place in places.items() if place % unit or unit > SUPERBLOCK_BYTES]
    data = {"data": sb.data_offset * SECTOR, "size": sb.size * SECTOR, "bitmap chunk": chunk}
    odd += [what for what, bytes_ in data.items() if bytes_ % device.block_size]
    if odd:
        raise RefusedError(
            f"{device.path} takes blocks of {unit} bytes, and its {' and '.join(odd)} would need smaller ones. "
            "Nothing was written to it.",
            hint="Assemble the mirror without --direct." if device.block_size > SECTOR else "",
        )
