"""What a worker and its engine say to each other: a job on stdin, one answer on stdout, then lines of JSON on a socket.

On the control socket the engine sends a Call a line; the worker sends Lines: replies, and events as they happen.
"""

from __future__ import annotations

import msgspec

from mirrortui.api.answers import Problem
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AdoptRequest, AssembleRequest, CreateRequest, ExportRequest
from mirrortui.api.vocabulary import Severity

LONGEST_LINE = 1 << 20
"""Bytes of a line that either side accepts."""


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker is started for: exactly one of `create` and `assemble`, with absolute paths."""

    name: str
    control: str
    """Path of the control socket to listen on."""
    nbd: str
    """Path of the NBD socket that every mirror is served at."""
    create: CreateRequest | None = None
    adopt: AdoptRequest | None = None
    """What `assemble` finds on its one member is written first."""
    assemble: AssembleRequest | None = None
    exports: list[ExportRequest] = []
    """Further addresses."""
    checks: str | None = None
    """Path of the file that remembers what its checks found."""
    departed: str | None = None
    """Path of the file that remembers who went out."""
    uuid: str | None = None
    """The mirror that must be found on the members; None: whichever it is."""
    remembered: bool = False
    """The members come from memory, not from a person: one that is gone is reported and left out."""


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's answer on stdout: how the mirror runs, or why it does not."""

    mirror: Mirror | None = None
    problem: Problem | None = None
    progress: str = ""
    """What it is at, in words; another answer follows."""


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request on the control socket."""

    id: int
    verb: str
    """status, follow (all events so far, then each as it happens), if-fails, fail, remove, add, re-add, replace, set,
    bitmap, grow, readonly, readwrite, rename, stop, export, speed, turn, impact, sync, mismatches, look, badblocks or
    lab."""
    args: msgspec.Raw = msgspec.Raw(b"null")
    """The verb's request from api.answers; nothing for status and follow."""


class Move(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`rename`: another name, and the sockets that go with it."""

    name: str
    control: str
    nbd: str
    checks: str
    """Job.checks, by the new name."""
    departed: str
    """Job.departed likewise."""
    yes: bool = False
    plan: bool = False
    events: int | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`turn`: what a sync may take of what all mirrors share; it holds until the engine has been silent for a while."""

    queued: str = ""
    """Why it waits: "queued behind vault: both copy on sdb"; empty: it goes on."""
    least: int = 0
    most: int = 0
    """Bytes per second, as in SpeedRequest."""


class WorkerEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as its worker numbers it."""

    worker: str
    """Different for every process that ever ran."""
    number: int
    """From 1."""
    time: float
    kind: str
    severity: Severity
    text: str
    member: str | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a worker sends: the reply to call `id` (ok or error), or an event."""

    id: int = 0
    ok: msgspec.Raw = msgspec.Raw(b"null")
    error: Problem | None = None
    event: WorkerEvent | None = None
