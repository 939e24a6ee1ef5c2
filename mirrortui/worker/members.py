"""A mirror's members as its worker has them: open and claimed, or named and absent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mirrortui.device.base import Device
from mirrortui.device.bounded import within
from mirrortui.device.file import FileDevice
from mirrortui.device.ioengine import IoEngine
from mirrortui.device.looks import look
from mirrortui.device.opening import open_member
from mirrortui.errors import MemberError
from mirrortui.mirror.mirror import Mirror
from mirrortui.worker.lab import Lab


@dataclass(frozen=True)
class Absent:
    """A member that belongs to the mirror and takes no part."""

    path: str
    state: Literal["faulty", "missing"]
    why: str


class Members:
    """Opens devices with the options of the mirror, and remembers which could not be used."""

    def __init__(
        self, engine: IoEngine, *, direct: bool, readonly: bool, timeout: int, lab: Lab | None = None
    ) -> None:
        """`timeout`: seconds that an operation on a member may take before it is failed (I16)."""
        self.timeout = timeout
        self.lab = lab
        """The fault lab, for a mirror that was started with it."""
        self._engine = engine
        self.direct = direct
        """They are used with O_DIRECT, not through the page cache."""
        self._readonly = readonly
        self._absent: list[Absent] = []

    @property
    def absent(self) -> Sequence[Absent]:
        """Who is named and takes no part."""
        return self._absent

    def _open(self, path: str) -> FileDevice:
        if self.lab:
            self.lab.check_plugged(path)
        return open_member(
            path, self._engine, direct=self.direct, readonly=self._readonly, timeout=self.timeout
        )

    def _with_filters(self, device: FileDevice) -> Device:
        return self.lab.wrap(device) if self.lab else device

    def open(self, path: str) -> Device:
        """Open and claim a member. Raises InUseError, and MemberError also for what does not answer in time. Any thread
        may call it.
        """
        try:
            opened = within(self.timeout, lambda: self._open(path), lambda device: os.close(device.fd))
        except TimeoutError:
            raise MemberError(
                f"{path} does not answer: it could not be opened within {self.timeout} s; nothing was written.",
                hint="See to its disk or its file system, or go on without it.",
            ) from None
        return self._with_filters(opened)

    def open_source(self, path: str) -> FileDevice:
        """Claim what is only read, and is no member. Raises what `open` raises."""
        return look(
            path,
            lambda path: open_member(path, self._engine, readonly=True, timeout=self.timeout),
            lambda device: os.close(device.fd),
        )

    def open_all(self, paths: Sequence[str], gone: Callable[[str, str], None] | None) -> list[Device]:
        """Open them all, or none. With `gone`, those that cannot be opened are told to it (path, why) and left out."""
        devices: list[Device] = []
        try:
            for path in paths:
                try:
                    devices.append(self.open(path))
                except MemberError as error:
                    if gone is None:
                        raise
                    self._absent.append(Absent(path, "missing", error.what))
                    gone(path, error.what)
            if not devices and self._absent:
                whys = (one.why.rstrip(".").removesuffix("; nothing was written") for one in self._absent)
                raise MemberError(
                    f"No member is there: {'; '.join(whys)}. Nothing was written.",
                    hint="Say where they are now, as mirrortui assemble NAME MEMBER...",
                )
        except BaseException:
            close_all(devices)
            raise
        return devices

    def settle(self, mirror: Mirror, devices: Sequence[Device]) -> None:
        """Let go of what the mirror was assembled without, and remember why; from now on, of who is replaced, too."""
        mirror.sync.succession.replaced = lambda member: member.device.close()
        taken = {id(member.device) for member in mirror.array.members}
        close_all(device for device in devices if id(device) not in taken)
        self._absent += [Absent(note.path, "faulty", note.why) for note in mirror.array.left_out]

    def find_absent(self, path: str) -> Absent | None:
        """The absent member of that path, however it is spelt."""
        real = os.path.realpath(path)
        return next((one for one in self._absent if os.path.realpath(one.path) == real), None)

    def forget(self, path: str) -> None:
        """It is no longer absent, or no longer named."""
        if one := self.find_absent(path):
            self._absent.remove(one)


def close_all(devices: Iterable[Device]) -> None:
    """Give them all back."""
    for device in devices:
        device.close()
