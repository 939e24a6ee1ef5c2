"""Metadata on their way to a device that no mirror runs on yet."""

from __future__ import annotations

from mirrortui.device.base import Device, Op
from mirrortui.device.buffers import Pool
from mirrortui.mirror.executor import Operation, wait
from mirrortui.mirror.reasons import reason


async def write_durably(device: Device, offset: int, data: bytes, pool: Pool) -> str:
    """Write, durable when it returns: the empty string, or why it was not taken."""
    buffer = pool.take(data)
    (result,) = await wait([Operation(device, Op.WRITE, offset, buffer, len(data), fua=True)])
    buffer.drop()
    if result == len(data):
        return ""
    return reason(result)
