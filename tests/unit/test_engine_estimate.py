"""How long a first copy takes: a guess that says what it rests on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirrortui.device import drive, pace
from mirrortui.device.probe import Probe, probe
from mirrortui.engine import estimate
from mirrortui.units import GIB, MIB, TIB, roughly


def device(path: str, size: int = TIB) -> Probe:
    return Probe(path, path, "block device", size, 512, (), True, None, False, None, size)


@pytest.fixture(autouse=True)
def disks(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Which disk each member lies on."""
    found = {"/dev/sdb": "sdb", "/dev/sdc": "sdc", "/dev/sdd1": "sdd", "/dev/sdd2": "sdd"}
    monkeypatch.setattr(
        estimate, "disks", lambda path: {hash(found[path]): found[path]} if path in found else {}
    )
    monkeypatch.setattr(pace, "disks", lambda path: {hash(found[path]): found[path]} if path in found else {})
    monkeypatch.setattr(drive, "exists", lambda name: name in found.values())
    monkeypatch.setattr(drive, "sleeps_at_times", lambda name: name in ("sdc", "sdd"))
    monkeypatch.setattr(estimate, "_measured", lambda path, period: None)
    return found


def measured(monkeypatch: pytest.MonkeyPatch, **speeds: int) -> None:
    monkeypatch.setattr(estimate, "_measured", lambda path, period: speeds.get(Path(path).name))


def test_the_slowest_member_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, sdb=500 * MIB, sdc=150 * MIB)
    told = estimate.first_copy([device("/dev/sdb"), device("/dev/sdc")], TIB)
    assert told == "about 1 h 50 min at 150 MiB/s (/dev/sdc was just read that fast)"


def test_what_was_not_measured_is_said_to_be_usual() -> None:
    told = estimate.first_copy([device("/dev/sdb"), device("/dev/sdc")], 225 * GIB)
    assert told == "about 27 min at 143 MiB/s (a disk that spins is usually that fast; not measured)"


def test_members_on_one_disk_share_it() -> None:
    told = estimate.first_copy([device("/dev/sdd1"), device("/dev/sdd2")], 225 * GIB)
    assert "about 54 min at 71.5 MiB/s" in told
    assert (
        "(a disk that spins is usually at 143 MiB/s; not measured, shared by 2 members on one disk)" in told
    )


def test_a_strange_path_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "_measured", lambda path, period: 100 * MIB)
    assert "(/x/{0}.img was just read that fast)" in estimate.first_copy([device("/x/{0}.img")], GIB)


def test_nothing_is_made_up() -> None:
    assert estimate.first_copy([device("/x"), device("/y")], GIB) == (
        "how long that takes is not known before it begins"
    )


def test_holes_take_no_time(tmp_path: Path) -> None:
    for name in "ab":
        with (tmp_path / name).open("wb") as image:
            image.truncate(GIB)
    members = [probe(str(tmp_path / name)) for name in "ab"]
    assert estimate.filled(members, GIB) == 0
    (tmp_path / "b").write_bytes(bytes(os.urandom(MIB)) * 2)
    assert estimate.filled([members[0], probe(str(tmp_path / "b"))], GIB) == 2 * MIB
    assert estimate.filled([members[0], device("/dev/sdb")], GIB) == GIB


def test_a_moment_of_reading_measures(tmp_path: Path) -> None:
    image = tmp_path / "a.img"
    image.write_bytes(bytes(os.urandom(MIB)) * 16)
    try:
        os.close(os.open(image, os.O_RDONLY | os.O_DIRECT))
    except OSError:
        pytest.skip("no O_DIRECT here")
    speed = pace.measure(str(image))
    assert speed and speed > MIB
    assert pace.measure(str(tmp_path / "gone")) is None
    image.write_bytes(b"short")
    assert pace.measure(str(image)) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3, "some seconds"),
        (41, "about 40 s"),
        (1500, "about 25 min"),
        (12000, "about 3 h 20 min"),
        (800_000, "about 9 days"),
    ],
)
def test_an_estimate_is_rough(seconds: float, words: str) -> None:
    assert roughly(seconds) == words
