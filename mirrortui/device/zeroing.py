"""Zeroing where the kernel may not know how: the calls that may work, one after the other, and zeroes at last."""

from __future__ import annotations

from errno import ENOSYS, EOPNOTSUPP
from typing import TYPE_CHECKING

from mirrortui.device.base import Op, Waiter
from mirrortui.device.buffers import Pool

if TYPE_CHECKING:
    from mirrortui.device.file import FileDevice

_PIECE = 1 << 20
_NOT_THERE = (-EOPNOTSUPP, -ENOSYS)
_zeroes = Pool().empty(_PIECE)  # an anonymous mapping: zero until written, and nobody writes


class Zeroing:
    """One ZERO or ZERO_KEEP. The bound (I16) is the device's for each call or piece of 1 MiB, not for their sum: a
    member that moves is not hanging.
    """

    def __init__(
        self, device: FileDevice, op: Op, offset: int, length: int, fua: bool, waiter: Waiter, index: int
    ) -> None:
        if not length:
            raise ValueError("nothing to zero")  # would complete inside submit
        self._device = device
        self._ways = [way for way in device.ways_to_zero(op, offset, length) if way not in device.unsupported]
        self._at = offset
        self._end = offset + length
        self._fua = fua
        self._waiter = waiter
        self._index = index

    def begin(self) -> None:
        """Start the next way, or the first piece."""
        if self._ways:
            self._device.start(self._ways[0], self._at, None, self._end - self._at, self._fua, self, 0)
        else:
            self._write()

    def complete(self, index: int, result: int) -> None:
        """The device's answer to one call or piece."""
        if self._ways and result in _NOT_THERE:
            self._device.unsupported.add(self._ways.pop(0))
            self.begin()
        elif self._ways or result < 0:
            self._waiter.complete(self._index, result)
        else:
            self._at += result
            self._write()

    def _write(self) -> None:
        left = min(_PIECE, self._end - self._at)
        if left:
            self._device.start(Op.WRITE, self._at, _zeroes, left, False, self, 0)
        elif self._fua:
            self._fua = False
            self._device.start(Op.FLUSH, 0, None, 0, False, self, 0)
        else:
            self._waiter.complete(self._index, 0)
