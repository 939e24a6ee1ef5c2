"""Every verb of ours on an array of the kernel's, by the real command line. Disks: vda and vdb hold it, vdc is new."""

from __future__ import annotations

from tests.interop.inside.stage import (
    MIB,
    create,
    do,
    md,
    members,
    pattern,
    play,
    read,
    refused,
    status,
    tool,
    try_to,
    until,
    write,
)

A, B, C = "/dev/vda", "/dev/vdb", "/dev/vdc"


def scene() -> None:
    """Ends with the array stopped, in sync on vda and vdc."""
    create("--raid-devices=2", "--bitmap=internal", "--bitmap-chunk=64K", A, B)
    write("/dev/md0", 0, pattern(1))
    shown = status("vault")
    assert (shown["driver"], shown["device"]) == ("kernel", "/dev/md0"), shown
    until(lambda: status("vault")["state"] == "clean", "it is at rest again")
    assert shown["uuid"] in tool("mdadm", "--detail", "/dev/md0")
    assert shown["bitmap"]["chunk"] == 64 << 10
    assert "run by the kernel, as /dev/md0" in do("status").out
    _fail_and_re_add()
    _check_and_repair()
    _hold()
    _replace()
    do("stop", "vault")
    assert "vault" not in do("status").out
    do("engine", "stop")


def _fail_and_re_add() -> None:
    assert "--yes" in refused("fail", "vault", B)
    assert members("vault") == {"vda": "in_sync", "vdb": "in_sync"}
    do("fail", "vault", B, "--yes")
    assert members("vault") == {"vda": "in_sync", "vdb": "faulty"}
    assert status("vault")["state"] == "degraded"
    assert "last member" in refused("fail", "vault", A, "--yes")
    write("/dev/md0", 2 * MIB, pattern(2))
    do("remove", "vault", B)
    assert md("degraded") == "1"
    plan = do("re-add", "vault", B, "--plan", "--json").data
    assert " chunks (" in plan["copies"], plan
    do("re-add", "vault", B)
    do("wait", "vault", "--for", "in-sync", "--timeout", "60")
    assert members("vault") == {"vda": "in_sync", "vdb": "in_sync"}
    assert do("check", "vault", "--wait").err.endswith("vault: 0 B differed.\n")


def _check_and_repair() -> None:
    """A disk that lies is found, and made to tell what the other one does."""
    offset = int(md("dev-vdb/offset")) * 512
    write(B, offset + 4 * MIB, pattern(3))
    found = try_to("check", "vault", "--wait", "--json")
    assert (found.code, found.data["mismatches"]) == (1, 64 << 10), found
    assert "--yes" in refused("repair", "vault")
    try_to("repair", "vault", "--yes", "--wait")
    assert do("check", "vault", "--wait", "--json").data["mismatches"] == 0
    assert read("/dev/md0", 4 * MIB, 64 << 10) == bytes(64 << 10)


def _hold() -> None:
    """Speed, pause, resume, cancel."""
    do("sync", "vault", "speed", "200K", "200K")
    assert md("sync_speed_max") == "200 (local)"
    do("check", "vault")
    until(lambda: md("sync_action") == "check", "the check runs")
    assert "busy" in refused("check", "vault") or "already" in refused("check", "vault")
    do("sync", "vault", "pause")
    assert status("vault")["paused"]
    assert md("sync_action") == "frozen"
    do("sync", "vault", "resume")
    until(lambda: md("sync_action") == "check", "the check goes on")
    do("sync", "vault", "cancel")
    until(lambda: md("sync_action") == "idle", "the check has ended")
    do("sync", "vault", "speed", "0", "0")
    assert "(system)" in md("sync_speed_max")


def _replace() -> None:
    """vdc takes vdb's place, and vdb serves until then."""
    plan = do("replace", "vault", B, "--with", C, "--plan", "--json").data
    assert not plan["refused"], plan
    do("replace", "vault", B, "--with", C, "--yes")
    until(lambda: members("vault").get("vdb") == "faulty", "the old one is out")
    assert members("vault") == {"vda": "in_sync", "vdc": "in_sync", "vdb": "faulty"}
    do("remove", "vault", B)
    assert read("/dev/md0", 0, 64 << 10) == pattern(1)
    assert read("/dev/md0", 2 * MIB, 64 << 10) == pattern(2)


if __name__ == "__main__":
    play(scene)
