"""What becomes of operations that were given up and end after all (device.ioengine)."""

from __future__ import annotations

import errno

import pytest

from mirrortui.device.base import Op
from mirrortui.device.ioengine import IoEngine, Request


class Channel:
    """An open descriptor that nobody uses."""

    fd = -1
    timeout = 1.0
    zombies = 0
    failed_late = False


class Told:
    """A waiter."""

    def __init__(self) -> None:
        self.results: list[int] = []

    def complete(self, index: int, result: int) -> None:
        self.results.append(result)


class Silent(IoEngine):
    """Its operations end when they are told to."""

    name = "silent"

    def _start(self, request: Request) -> None:
        self.begun = request

    def _withdraw(self, request: Request) -> bool:
        return False

    def flush(self) -> None:
        pass

    def reap(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def end(self, result: int) -> None:
        """The kernel's word on the last one."""
        self._ended(self.begun, result)


@pytest.mark.parametrize(
    ("op", "fua", "result", "failed"),
    [
        (Op.FLUSH, False, -errno.EIO, True),
        (Op.WRITE, True, -errno.EIO, True),
        (Op.WRITE, False, -errno.EIO, False),
        (Op.READ, False, -errno.EIO, False),
        (Op.FLUSH, False, -errno.EAGAIN, False),
        (Op.FLUSH, False, 0, False),
    ],
)
def test_what_was_to_be_durable_and_failed_late_is_remembered(
    op: Op, fua: bool, result: int, failed: bool
) -> None:
    engine, channel, told = Silent(), Channel(), Told()
    engine.submit(channel, op, 0, None, 0, fua, told, 0)
    engine.expire(10.0)
    engine.expire(12.0)
    assert (told.results, channel.zombies) == ([-errno.ETIMEDOUT], 1)
    engine.end(result)
    assert (told.results, channel.zombies, channel.failed_late) == ([-errno.ETIMEDOUT], 0, failed)


def test_a_timeout_of_the_kernels_is_an_error_like_others() -> None:
    """Nothing of it is under way any more, as it would be of one of ours."""
    engine, channel, told = Silent(), Channel(), Told()
    engine.submit(channel, Op.FLUSH, 0, None, 0, False, told, 0)
    engine.end(-errno.ETIMEDOUT)
    assert (told.results, channel.zombies) == ([-errno.EIO], 0)
