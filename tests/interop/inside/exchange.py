"""An array goes from the kernel to us and back, and so do images. Disks: vda and vdb."""

from __future__ import annotations

from pathlib import Path

from tests.interop.inside.stage import (
    MIB,
    create,
    do,
    md,
    pattern,
    play,
    read,
    read_nbd,
    refused,
    status,
    tool,
    write,
    write_nbd,
)

SIZE = 64 << 10


def scene() -> None:
    """Ends with vault, on the disks, stopped by the kernel."""
    _disks()
    _images()
    do("stop", "vault")
    do("engine", "stop")


def _disks() -> None:
    create("--raid-devices=2", "--bitmap=internal", "--bitmap-chunk=64K", "/dev/vda", "/dev/vdb")
    uuid = status("vault")["uuid"]
    write("/dev/md0", 0, pattern(1))
    with Path("/dev/md0").open("rb"):
        assert "open in" in refused("takeover", "/dev/md0", "--yes")
    assert "--yes" in refused("takeover", "/dev/md0")
    uri = do("takeover", "/dev/md0", "--yes").out.strip()
    assert not Path("/sys/block/md0/md/array_state").exists() or md("array_state") == "clear"
    ours = status("vault")
    assert (ours["driver"], ours["uuid"], ours["state"], ours["uri"]) == ("mirrortui", uuid, "clean", uri)
    assert read_nbd(uri, 0, SIZE) == pattern(1)
    write_nbd(uri, 2 * MIB, pattern(2))
    do("fail", "vault", "/dev/vdb", "--yes")
    write_nbd(uri, 4 * MIB, pattern(3))
    do("remove", "vault", "/dev/vdb")
    do("re-add", "vault", "/dev/vdb")
    do("wait", "vault", "--for", "in-sync", "--timeout", "60")
    device = do("handover", "vault", "--yes").out.strip()
    theirs = status("vault")
    assert (theirs["driver"], theirs["uuid"], theirs["device"]) == ("kernel", uuid, device)
    assert [member["state"] for member in theirs["members"]] == ["in_sync", "in_sync"]
    assert uuid in tool("mdadm", "--detail", device)
    for number in (1, 2, 3):
        assert read(device, (number - 1) * 2 * MIB, SIZE) == pattern(number), number
    assert do("check", "vault", "--wait", "--json").data["mismatches"] == 0
    write(device, 6 * MIB, pattern(4))


def _images() -> None:
    """Of ours: they must be put on loop devices, which are freed again."""
    images = [f"/tmp/{name}.img" for name in "ab"]
    for image in images:
        with Path(image).open("wb") as file:
            file.truncate(8 * MIB)
    uri = do("create", "photos", *images).out.strip()
    do("wait", "photos", "--for", "in-sync", "--timeout", "60")
    write_nbd(uri, MIB, pattern(7))
    assert "--loop" in refused("handover", "photos", "--yes")
    assert status("photos")["driver"] == "mirrortui"
    device = do("handover", "photos", "--loop", "--yes").out.strip()
    assert read(device, MIB, SIZE) == pattern(7)
    write(device, 2 * MIB, pattern(8))
    uri = do("takeover", device, "--yes").out.strip()
    assert [member["path"] for member in status("photos")["members"]] == images
    assert tool("losetup", "--list", "--noheadings").strip() == ""
    assert read_nbd(uri, MIB, SIZE) == pattern(7)
    assert read_nbd(uri, 2 * MIB, SIZE) == pattern(8)
    do("stop", "photos")


if __name__ == "__main__":
    play(scene)
