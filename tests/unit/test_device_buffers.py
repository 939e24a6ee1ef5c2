"""Buffers: whose bytes are whose, where they lie in memory, and what goes back to the system."""

from __future__ import annotations

import gc
import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrortui.device import buffers
from mirrortui.device.buffers import Buffer, Pool
from mirrortui.units import KIB, MIB

HUGE = 2 * MIB
KEPT = 64 * MIB


def mappings() -> str:
    return Path("/proc/self/smaps").read_text()


def resident() -> int:
    """Bytes of memory of this process."""
    return (
        int(re.findall(r"^Rss: +(\d+)", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)[0]) * KIB
    )


def flags_at(address: int) -> list[str]:
    """What the kernel was told of the mapping there."""
    for found in re.finditer(
        r"^([0-9a-f]+)-([0-9a-f]+) .*?^VmFlags: (.*?)$", mappings(), re.DOTALL | re.MULTILINE
    ):
        if int(found[1], 16) <= address < int(found[2], 16):
            return found[3].split()
    raise AssertionError("nothing is mapped there")


@pytest.mark.parametrize("size", [4 * KIB, 32 * KIB, 64 * KIB, 256 * KIB, MIB, 2 * MIB, 8 * MIB])
def test_large_ones_lie_in_huge_pages(size: int) -> None:
    pool = Pool()
    some = [pool.empty(size) for _ in range(40)]
    assert all(buffer.addr % 4096 == 0 for buffer in some)
    assert ("hg" in flags_at(some[0].addr)) == (size >= 64 * KIB)
    assert {"sh", "wf"} & set(flags_at(some[0].addr)), "shared or wiped, or a fork would copy it"
    if size >= 64 * KIB:
        assert all(buffer.addr % min(size, HUGE) == 0 for buffer in some), "none lies across two"
        assert len({buffer.addr // HUGE for buffer in some}) == -(-40 * min(size, HUGE) // HUGE)


def test_a_kernel_without_them_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "_WIPE_ON_FORK", 9999)
    pool = Pool()
    one, other = pool.take(b"x" * MIB), pool.take(b"y" * MIB)
    assert "sh" in flags_at(one.addr)
    assert (bytes(one.view), bytes(other.view)) == (b"x" * MIB, b"y" * MIB)


@given(st.randoms(use_true_random=False))
def test_nobody_shares_bytes_with_anybody(rng: random.Random) -> None:
    pool = Pool()
    held: dict[int, Buffer] = {}
    for number in range(1, 120):
        if held and rng.random() < 0.4:
            mark, buffer = held.popitem()
            assert bytes(buffer.view) == bytes([mark]) * buffer.size
            buffer.drop()
            continue
        buffer = pool.empty(rng.choice([1, 4096, 5000, 64 * KIB, 100 * KIB, MIB]))
        buffer.view[:] = bytes([number]) * buffer.size
        held[number] = buffer
    for mark, buffer in held.items():
        assert bytes(buffer.view) == bytes([mark]) * buffer.size


@pytest.mark.parametrize("size", [16 * KIB, 64 * KIB, MIB, 4 * MIB])
def test_memory_goes_back_but_for_what_is_kept(size: int) -> None:
    gc.collect()  # other tests' pools
    pool, before = Pool(), resident()
    taken = [pool.take(b"x" * size) for _ in range(4 * KEPT // size)]
    assert resident() - before > 3 * KEPT
    last = taken.pop()
    for buffer in taken:
        buffer.drop()
    del buffer, taken
    assert KEPT // 2 < resident() - before < KEPT * 3 // 2
    assert bytes(last.view) == b"x" * size, "what somebody has stays"
    again = pool.empty(size)
    again.drop()
    assert pool.empty(size) is again, "what comes back later is kept as before"


def test_one_that_comes_back_is_taken_again() -> None:
    pool = Pool()
    first = pool.empty(100 * KIB)
    first.drop()
    assert pool.empty(128 * KIB) is first
