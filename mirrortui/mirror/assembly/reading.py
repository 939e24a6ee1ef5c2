"""What devices hold of a mirror: superblocks, bitmaps and bad-block logs. Nothing is written."""

from __future__ import annotations

from dataclasses import replace
from errno import ETIMEDOUT

from mirrortui.device.base import Device, Op
from mirrortui.device.buffers import Pool
from mirrortui.errors import FormatError
from mirrortui.format import badblocks, bitmap, lookup
from mirrortui.format.bitmap import BitmapHeader
from mirrortui.format.ondisk import SUPERBLOCK_BYTES
from mirrortui.format.superblock import Feature, Superblock
from mirrortui.mirror.assembly.found import Found
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.reasons import reason
from mirrortui.units import SECTOR


class _SilentError(FormatError):
    """A read came to the end of its time."""


async def read_member(device: Device, pool: Pool, *, readonly: bool = False) -> Found:
    """A device's superblock and bitmap. Raises FormatError when it has none that can be understood, MemberError when it
    cannot be read. With `readonly` the bitmap need not be understood (Found.opaque).
    """
    sb = await _read_superblock(device, pool)
    log = await _read_log(device, sb, pool)
    if not sb.has_bitmap:
        return Found(device.path, sb, None, b"", log)
    if readonly and Feature.CLUSTERED in sb.feature_map:
        return Found(device.path, sb, None, b"", log, "each node of its cluster has a bitmap of its own")
    try:
        header, raw = await _read_bitmap(device, sb, pool)
    except FormatError as problem:
        if readonly:
            return Found(device.path, sb, None, b"", log, problem.what)
        raise
    return Found(device.path, sb, header, raw, log)


async def _read_bitmap(device: Device, sb: Superblock, pool: Pool) -> tuple[BitmapHeader, bytes]:
    place = sb.bitmap_sector * SECTOR
    header = bitmap.decode(await _read(device, place, bitmap.PAGE, pool), path=device.path)
    bitmap.check_belongs(header, sb, path=device.path)
    header = _for_size(header, sb)
    length = bitmap.image_bytes(header.chunks)
    return header, await _read(device, place, length, pool)


async def _read_log(device: Device, sb: Superblock, pool: Pool) -> bytes:
    """The bad-block log, if it counts and lists something."""
    if Feature.BAD_BLOCKS not in sb.feature_map:
        return b""
    log = await _read(device, sb.bblog_sector * SECTOR, sb.bblog_size * SECTOR, pool)
    return log if badblocks.decode(log, shift=sb.bblog_shift, path=device.path) else b""


def _for_size(header: BitmapHeader, sb: Superblock) -> BitmapHeader:
    """The header for the array's real size. Bits for a smaller one say nothing; if it was about to grow they mean what
    they meant before.
    """
    if header.sync_size >= sb.size:
        return replace(header, sync_size=sb.size)
    return replace(header, sync_size=sb.size, state=header.state | bitmap.STALE)


async def _read_superblock(device: Device, pool: Pool) -> Superblock:
    """The one that counts, as `examine` shows it. A place that cannot be read matters only if no other has one."""
    found, unread = await find_superblocks(device, pool)
    if not found and unread:
        raise next(iter(unread.values()))
    if not found:
        raise FormatError(
            f"{device.path} has no MD superblock: it is no member of a mirror.",
            hint="Nothing was written to it.",
        )
    if (sb := found[0].superblock) is None:
        raise FormatError(found[0].problem, hint="Nothing was written to it; mirrortui examine says more.")
    return sb


async def find_superblocks(
    device: Device, pool: Pool
) -> tuple[tuple[lookup.Found, ...], dict[int, FormatError]]:
    """Every superblock at a place for one, the one that counts first; and which places, in bytes, could not be read,
    and why. Raises FormatError for a device that does not answer at all.
    """
    pages: dict[int, bytes] = {}
    unread: dict[int, FormatError] = {}
    for place in lookup.places(device.size // SECTOR):
        try:
            pages[place.offset] = await _read(device, place.offset, SUPERBLOCK_BYTES, pool)
        except _SilentError:
            raise  # each other place would take as long
        except FormatError as problem:
            pages[place.offset] = b""
            unread[place.offset] = problem
    return lookup.find(lambda offset, length: pages[offset][:length], device.size, device.path), unread


async def _read(device: Device, offset: int, length: int, pool: Pool) -> bytes:
    end, block = offset + length, device.block_size
    if offset < 0 or end > device.size or offset % block or length % block:
        raise FormatError(
            f"{device.path}: its superblock leads to bytes {offset} to {end - 1}, which are not all on the device"
            f"{f' in whole blocks of {block}' if block > 1 else ''}.",
            hint="Nothing was written to it.",
        )
    buffer = pool.empty(length)
    (result,) = await wait([Operation(device, Op.READ, offset, buffer, length)])
    data = bytes(buffer.view[:length])
    buffer.drop()
    if result != length:
        kind = _SilentError if result == -ETIMEDOUT else FormatError
        raise kind(
            f"{device.path} could not be read at byte {offset}: {reason(result)}.",
            hint="Nothing was written to it.",
        )
    return data
