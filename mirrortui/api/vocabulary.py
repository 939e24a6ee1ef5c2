"""The words and numbers that requests and answers have in common."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

MirrorState = Literal["clean", "active", "degraded", "failed", "readonly", "stopped"]
"""clean and active: all members in sync. failed: no data path (worker gone, or the last copy broken)."""
MemberState = Literal["in_sync", "recovering", "spare", "faulty", "missing", "replacing"]
SyncAction = Literal["idle", "resync", "recover", "check", "repair"]
Impact = Literal["low", "balanced", "max"]
Severity = Literal["info", "good", "warning", "error"]
Driver = Literal["mirrortui", "kernel"]
"""Who runs a mirror: a worker of ours, or the kernel's md."""
CheckAction = Literal["check", "repair"]
Mishap = Literal["pull", "slow", "hang", "bad-sectors", "rot", "power-cut", "mend"]
"""What the fault lab can do: to a member it takes it away, delays its operations, lets none of them end, makes sectors
unreadable until they are written, or flips bits unseen; the power goes for the whole mirror. "mend" ends it all.
"""
SyncVerb = Literal["check", "repair", "pause", "resume", "cancel"]
TIMEOUT = 30
"""Seconds that an operation on a member may take before it is failed, if nobody says otherwise."""
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 1, 3600
Timeout = Annotated[int, msgspec.Meta(ge=SHORTEST_TIMEOUT, le=LONGEST_TIMEOUT)]
"""Such a number of seconds."""
MemberFlag = Literal["write-mostly", "failfast"]
"""write-mostly: read from it only when no other member can serve. failfast: for the kernel, which then does not retry
on it."""
DailyVerb = Literal["set", "grow", "readonly", "readwrite", "rename"]
Verb = (
    Literal[
        "create",
        "adopt",
        "assemble",
        "stop",
        "fail",
        "remove",
        "add",
        "re-add",
        "replace",
        "handover",
        "takeover",
    ]
    | SyncVerb
    | DailyVerb
    | Literal["zero-superblock", "export", "badblocks", "impact", "speed", "lab"]
)
MOST_BEHIND = 16383
