"""A member whose medium is bad in places: a file behind nbdkit and FUSE that answers EIO there until it is written."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.conftest import until

PROGRAMS = ("nbdkit", "nbdfuse", "fusermount3")
"""What the host must have."""
BLOCK = 4096
"""Bytes that go bad together."""
_TOUCHES = """
touches() {
    for b in $(cat $D/$1); do
        if [ $((b * 4096)) -lt $(($3 + $2)) ] && [ $((b * 4096 + 4096)) -gt $3 ]; then return 0; fi
    done
    return 1
}
"""
_PREAD = """
if touches bad $3 $4 || touches dead $3 $4; then echo EIO medium >&2; exit 1; fi
dd if=$D/data iflag=skip_bytes,count_bytes bs=1M skip=$4 count=$3 2>/dev/null
"""
_PWRITE = """
if touches dead $3 $4; then cat >/dev/null; echo EIO medium >&2; exit 1; fi
dd of=$D/data oflag=seek_bytes conv=notrunc bs=64K seek=$4 2>/dev/null || exit 1
: >$D/left
for b in $(cat $D/bad); do
    if [ $((b * 4096)) -lt $4 ] || [ $((b * 4096 + 4096)) -gt $(($4 + $3)) ]; then echo $b >>$D/left; fi
done
mv $D/left $D/bad
"""


class BadDisk:
    """The file to use as a member, and what is wrong with it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.path = place / "mnt" / "disk"

    def decay(self, *blocks: int, dead: bool = False) -> None:
        """These blocks cannot be read from now on; `dead`: not written either."""
        name = "dead" if dead else "bad"
        text = (self._place / name).read_text()
        (self._place / name).write_text(text + "".join(f"{block}\n" for block in blocks))
        self.forget()

    def mend(self) -> None:
        """What was dead takes writes, and is only bad."""
        (self._place / "bad").write_text((self._place / "dead").read_text())
        (self._place / "dead").write_text("")

    def forget(self) -> None:
        """Have the page cache hold nothing of it."""
        fd = os.open(self.path, os.O_RDWR)
        try:
            os.fdatasync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)

    @property
    def unreadable(self) -> list[int]:
        """Blocks, in order."""
        text = (self._place / "bad").read_text() + (self._place / "dead").read_text()
        return sorted(map(int, text.split()))


@contextmanager
def bad_disk(place: Path, size: int, image: Path | None = None) -> Iterator[BadDisk]:
    """A disk of that size, good as yet; `place` is a directory of its own. Its bytes are those of `image`, if given."""
    (place / "mnt").mkdir(parents=True)
    for name in ("bad", "dead"):
        (place / name).touch()
    if image:
        (place / "data").symlink_to(image)
    else:
        (place / "data").touch()
        os.truncate(place / "data", size)
    socket = place / "nbd"
    prelude = f"D={place}{_TOUCHES}"
    server = subprocess.Popen(
        ["nbdkit", "--foreground", "-U", socket, "eval", "thread_model=echo serialize_all_requests",
         f"get_size=echo {size}", f"pread={prelude}{_PREAD}", f"pwrite={prelude}{_PWRITE}", "can_write=exit 0",
         "can_flush=exit 0", "flush=exit 0"],
    )  # fmt: skip
    mount = None
    try:
        until(socket.exists, "nbdkit answers")
        mount = subprocess.Popen(["nbdfuse", place / "mnt" / "disk", f"nbd+unix:///?socket={socket}"])
        disk = BadDisk(place)
        until(lambda: disk.path.exists() and disk.path.stat().st_size == size, "the disk is there")
        yield disk
    finally:
        if mount:
            subprocess.run(["fusermount3", "-u", "-z", place / "mnt"], check=False)
            mount.wait(10)
        server.terminate()
        server.wait(10)
