"""The engine's memory of its mirrors: one small file, replaced whole, so that a crash leaves the old or the new one."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from mirrortui.api.requests import ExportRequest, SpeedRequest
from mirrortui.api.vocabulary import TIMEOUT, Timeout
from mirrortui.errors import MirrortuiError

_VERSION = 1


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to start a mirror again. The members themselves know everything else."""

    name: str
    uuid: str
    members: list[str]
    size: int
    """Bytes, to show while it does not run."""
    direct: bool = False
    timeout: Timeout = TIMEOUT
    lab: bool = False
    readonly: bool = False
    exports: list[ExportRequest] = []
    """Addresses besides the one that every mirror has."""
    running: bool = True
    """It should run: false once it was stopped on purpose."""


class _File(msgspec.Struct, kw_only=True):
    version: int
    mirrors: list[Remembered]
    speed: SpeedRequest = SpeedRequest(max=0)


class State:
    """The mirrors by name, on disk before a change returns."""

    def __init__(self, path: Path) -> None:
        """Read the file; none yet is an empty memory. Raises MirrortuiError if it cannot be understood."""
        self._path = path
        found = _read(path)
        self._mirrors = {mirror.name: mirror for mirror in found.mirrors}
        self._speed = found.speed

    @property
    def speed(self) -> SpeedRequest:
        """What the syncs of all mirrors may take together."""
        return self._speed

    def set_speed(self, speed: SpeedRequest) -> None:
        """Raises MirrortuiError if that could not be written."""
        before, self._speed = self._speed, speed
        try:
            self._replace(self._mirrors)
        except MirrortuiError:
            self._speed = before
            raise

    def all(self) -> list[Remembered]:
        """Every mirror, running or not."""
        return list(self._mirrors.values())

    def get(self, name: str) -> Remembered | None:
        """One mirror."""
        return self._mirrors.get(name)

    def put(self, mirror: Remembered) -> None:
        """Remember it, or what changed about it. Raises MirrortuiError if that could not be written."""
        if self._mirrors.get(mirror.name) != mirror:
            self._replace({**self._mirrors, mirror.name: mirror})

    def forget(self, name: str) -> None:
        """Forget it; its members keep all that matters."""
        self._replace({key: value for key, value in self._mirrors.items() if key != name})

    def rename(self, old: str, new: str) -> None:
        """Remember it under another name. Raises MirrortuiError if that could not be written."""
        if known := self._mirrors.get(old):
            others = {key: value for key, value in self._mirrors.items() if key != old}
            self._replace({**others, new: msgspec.structs.replace(known, name=new)})

    def _replace(self, mirrors: dict[str, Remembered]) -> None:
        content = msgspec.json.encode(
            _File(version=_VERSION, mirrors=list(mirrors.values()), speed=self._speed)
        )
        try:
            _write(self._path, msgspec.json.format(content, indent=1) + b"\n")
        except OSError as error:
            raise MirrortuiError(
                f"The engine's memory {self._path} could not be written: {error.strerror}.",
                hint="Make room there; until then a restart of the engine will not know about this change.",
            ) from error
        self._mirrors = mirrors


def _read(path: Path) -> _File:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return _File(version=_VERSION, mirrors=[])
    try:
        found = msgspec.json.decode(content, type=_File)
    except msgspec.MsgspecError as error:
        raise _unusable(path, str(error)) from error
    if found.version != _VERSION:
        raise _unusable(path, f"version {found.version}, expected {_VERSION}")
    return found


def _unusable(path: Path, why: str) -> MirrortuiError:
    return MirrortuiError(
        f"The engine's memory {path} cannot be understood: {why}.",
        hint="Move it away to start without; the mirrors live on their members and can be assembled by hand.",
    )


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
