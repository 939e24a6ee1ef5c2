"""The server as clients see it that nobody here wrote: QEMU's, libnbd's and fio's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.served import Served
from tests.support import needs

pytestmark = pytest.mark.interop

MIB = 1 << 20
ENVIRONMENT = os.environ | {"PATH": f"/usr/bin:{os.environ['PATH']}"}
"""nbdsh's module is with the system's Python, not with the virtual environment's."""


def run(*command: str | Path, fails: bool = False) -> str:
    """What a program prints; it must end well, or must not."""
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=90, env=ENVIRONMENT
    )
    assert bool(done.returncode) == fails, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + (done.stderr if fails else "")


def nbdsh(uri: str, script: str) -> str:
    needs("nbdsh")
    return run("nbdsh", "--base-allocation", "--uri", uri, "-c", script)


@pytest.mark.parametrize("direct", [False, True])
def test_qemu_img_copies_there_and_back(tmp_path: Path, direct: bool) -> None:
    needs("qemu-img")
    image, back = tmp_path / "image", tmp_path / "back"
    content = os.urandom(5 * MIB) + bytes(20 * MIB) + os.urandom(3 * MIB + 512) + bytes(4 * MIB - 512)
    image.write_bytes(content)
    with Served(tmp_path, size=32 * MIB, direct=direct) as served:
        run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, served.uri)
        run("qemu-img", "compare", "-f", "raw", "-F", "raw", image, served.uri)
        run("qemu-img", "convert", "-f", "raw", "-O", "raw", served.uri, back)
        info = json.loads(run("qemu-img", "info", "--output=json", served.uri))
        assert info["virtual-size"] == 32 * MIB
        regions = json.loads(run("qemu-img", "map", "--output=json", "-f", "raw", served.uri))
        assert sum(region["length"] for region in regions if region["zero"]) >= 20 * MIB
    assert back.read_bytes() == content
    assert served.files[0].read_bytes() == served.files[1].read_bytes() == content
    assert served.files[0].stat().st_blocks * 512 < 16 * MIB, "holes stayed holes"


@pytest.mark.parametrize("direct", [False, True])
def test_qemu_io(tmp_path: Path, direct: bool) -> None:
    needs("qemu-io")
    script = [
        "write -P 0x11 0 1M", "write -f -P 0x22 1M 64k", "read -P 0x11 0 1M", "read -P 0x22 1M 64k",
        "write -z 4k 8k", "read -P 0 4k 8k", "read -P 0x11 12k 4k",
        "write -z -u 16k 8k", "write -z -n -u 24k 4k", "read -P 0 16k 12k",
        "aio_write -P 0x33 2M 1M", "aio_write -P 0x44 3M 1M", "aio_flush", "read -P 0x33 2M 1M", "read -P 0x44 3M 1M",
        "discard 2M 1M", "flush", "write -P 0x55 512 512", "read -P 0x55 512 512",
    ]  # fmt: skip
    with Served(tmp_path, direct=direct) as served:
        words = [word for command in script for word in ("-c", command)]
        printed = run("qemu-io", "-f", "raw", "-t", "none", *words, served.uri)
        assert "verification failed" not in printed
    first, second = (file.read_bytes() for file in served.files)
    assert first == second
    assert first[MIB : MIB + (64 << 10)] == b"\x22" * (64 << 10)


def test_qemu_writes_nothing_to_a_readonly_export(tmp_path: Path) -> None:
    needs("qemu-io")
    with Served(tmp_path, readonly=True) as served:
        assert "Permission denied" in run("qemu-io", "-f", "raw", "-c", "write 0 1M", served.uri, fails=True)
        run("qemu-io", "-r", "-f", "raw", "-c", "read -P 0 0 1M", served.uri)
    assert not served.files[0].stat().st_blocks


def test_nbdinfo(tmp_path: Path) -> None:
    needs("nbdinfo")
    with Served(tmp_path) as served:
        listed = json.loads(run("nbdinfo", "--list", "--json", f"nbd+unix:///?socket={served.socket}"))
        (export,) = listed["exports"]
        expected: dict[str, Any] = {
            "export-name": "vault", "export-size": 64 * MIB, "is_read_only": False, "is_rotational": False,
            "can_cache": True, "can_df": True, "can_fast_zero": True, "can_flush": True, "can_fua": True,
            "can_multi_conn": True, "can_trim": True, "can_zero": True, "contexts": ["base:allocation"],
            "block_size_minimum": 1, "block_size_preferred": 4096, "block_size_maximum": 32 * MIB,
        }  # fmt: skip
        assert {key: export[key] for key in expected} == expected
        served.files[0].write_bytes(b"x" * 65536 + bytes(64 * MIB - 65536))
        assert run("nbdinfo", "--size", served.uri).strip() == str(64 * MIB)
        readonly = served.call(lambda: served.server.listen_unix(tmp_path / "ro", readonly=True))
        assert json.loads(run("nbdinfo", "--json", readonly.uri))["exports"][0]["is_read_only"]


def test_nbdcopy(tmp_path: Path) -> None:
    needs("nbdcopy")
    image, back = tmp_path / "image", tmp_path / "back"
    image.write_bytes(os.urandom(9 * MIB) + bytes(40 * MIB) + os.urandom(15 * MIB))
    with Served(tmp_path) as served:
        run("nbdcopy", "--flush", image, served.uri)
        run("nbdcopy", "--connections=4", "--requests=64", served.uri, back)
    assert back.read_bytes() == image.read_bytes()
    assert served.files[0].read_bytes() == served.files[1].read_bytes() == image.read_bytes()
    assert served.files[0].stat().st_blocks * 512 < 30 * MIB


def test_what_libnbd_is_told_when_it_breaks_the_rules(tmp_path: Path) -> None:
    script = """
import errno
h.set_strict_mode(0)
def expect(what, action):
    try:
        action()
    except nbd.Error as error:
        assert error.errnum == what, (what, error.errnum, str(error))
    else:
        raise AssertionError(what)
size = h.get_size()
expect(errno.EINVAL, lambda: h.pread(512, size))
expect(errno.ENOSPC, lambda: h.pwrite(bytearray(512), size))
expect(errno.ENOSPC, lambda: h.zero(1024, size - 512))
expect(errno.EINVAL, lambda: h.trim(1024, size - 512))
expect(errno.EINVAL, lambda: h.pread(512, 0, 0x40))
expect(errno.EOPNOTSUPP, lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE))
expect(errno.EOVERFLOW, lambda: h.pread(33 << 20, 0))
expect(errno.EINVAL, lambda: h.pwrite(bytearray(33 << 20), 0))
h.pwrite(b"alive", 0)
print(h.pread(5, 0), h.get_structured_replies_negotiated())
"""
    with Served(tmp_path) as served:
        assert nbdsh(served.uri, script).strip() == "bytearray(b'alive') True"


def test_libnbd_without_structured_replies_and_over_tcp(tmp_path: Path) -> None:
    needs("nbdsh")
    with Served(tmp_path) as served:
        tcp = served.call(lambda: served.server.listen_tcp("127.0.0.1"))
        script = f"""
h.set_request_structured_replies(False)
h.connect_uri("{tcp.uri}")
assert not h.get_structured_replies_negotiated()
h.pwrite(b"simple" * 1000, 7, nbd.CMD_FLAG_FUA)
assert h.pread(6000, 7) == b"simple" * 1000
h.flush()
h.shutdown()
"""
        run("nbdsh", "-c", script)


def test_libnbd_by_the_oldest_handshake(tmp_path: Path) -> None:
    needs("nbdsh")
    with Served(tmp_path) as served:
        for flags in ("0", "nbd.HANDSHAKE_FLAG_FIXED_NEWSTYLE", "nbd.HANDSHAKE_FLAG_NO_ZEROES"):
            run(
                "nbdsh",
                "-c",
                f"h.set_handshake_flags({flags})",
                "-c",
                f"h.connect_unix('{served.socket}')",
                "-c",
                "h.pwrite(b'old', 0); assert h.pread(3, 0) == b'old'; h.shutdown()",
            )


@pytest.mark.parametrize("direct", [False, True])
def test_fio_verifies_what_it_wrote(tmp_path: Path, direct: bool) -> None:
    """Random sizes and a flush now and then, deep queues, several connections."""
    needs("fio")
    with Served(tmp_path, direct=direct) as served:
        run(
            "fio", "--name=verify", "--ioengine=nbd", f"--uri={served.uri}", "--rw=randwrite", "--bsrange=4k-1m",
            "--iodepth=32", "--numjobs=4", "--size=16m", "--offset_increment=16m", "--verify=crc32c",
            "--verify_fatal=1", "--fsync=64", "--randseed=4711", f"--aux-path={tmp_path}",
        )  # fmt: skip
    assert served.files[0].read_bytes() == served.files[1].read_bytes()
