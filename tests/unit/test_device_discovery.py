"""Why a block device cannot be a member: the strongest reason, in few words."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from mirrortui.device import discovery
from mirrortui.device.bounded import Survey
from mirrortui.device.claims import refused
from mirrortui.device.discovery import DiscoveredDevice, _why_not, discover
from mirrortui.device.probe import Probe
from mirrortui.device.signatures import Signature
from mirrortui.device.usage import Use
from mirrortui.errors import MemberError
from tests.devices import nobody

GIB = 1 << 30
EXT4 = Signature("ext4", "label photos", 0x438)
FREE = Probe("/dev/sdq", "/dev/sdq", "block device", GIB, 512, (), True, None, False, None)


def changed(**changes: object) -> Probe:
    return dataclasses.replace(FREE, **changes)  # type: ignore[arg-type]


DENIED = changed(
    size=0, readonly=True, problem=refused("/dev/sdq", "may not be opened: permission denied", "Be root.")
)


@pytest.mark.parametrize(
    ("seen", "partitions", "member_of", "at_least", "expected"),
    [
        (FREE, [], None, 0, None),
        (FREE, [], None, GIB, None),
        (FREE, [], None, GIB + (200 << 20), "too small: 200 MiB are missing"),
        (changed(signatures=(EXT4,)), [], None, 0, "holds ext4, label photos"),
        (changed(signatures=(EXT4, EXT4)), [], None, 0, "holds ext4, label photos and ext4, label photos"),
        (changed(signatures=(EXT4,)), [], None, 2 * GIB, "too small: 1.00 GiB are missing"),
        (changed(signatures=(EXT4,), readonly=True), [], None, 0, "read-only"),
        (FREE, ["sdq1", "sdq2"], None, 0, "has partitions: sdq1, sdq2"),
        (
            changed(in_use=Use("is mounted on /srv by its partition sdq1", "")),
            ["sdq1"],
            None,
            0,
            "mounted on /srv by its partition sdq1",
        ),
        (changed(in_use=Use("is in use by python (pid 7)", "")), [], "vault", 0, "member of vault"),
        (DENIED, [], None, 0, "may not be opened: permission denied; what is on it cannot be seen"),
        (DENIED, ["sdq1"], None, 0, "has partitions: sdq1"),
    ],
)
def test_the_strongest_reason_is_given(
    seen: Probe, partitions: list[str], member_of: str | None, at_least: int, expected: str | None
) -> None:
    assert _why_not(seen, GIB, partitions, member_of, at_least) == expected


def test_without_root_every_device_is_still_listed() -> None:
    everything = fixed(discover())
    with nobody(0o600):
        seen = discover()
    assert fixed(seen) == everything
    assert all(device.why_not for device in seen), "who may not open a device cannot make it a member"


def fixed(devices: list[DiscoveredDevice]) -> list[str]:
    """Those that no other test plugs in and out."""
    return [device.path for device in devices if device.transport != "loop"]


def test_without_libudev_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("No library named udev")

    monkeypatch.setattr("pyudev.Context", missing)
    with pytest.raises(MemberError, match="libudev is not installed") as refusal:
        discover()
    assert "/dev/sdb" in refusal.value.hint


def test_a_device_that_hangs_is_listed_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def hang(path: str) -> Probe:
        go_on.wait(20)
        return FREE

    monkeypatch.setattr(discovery, "probe", hang)
    monkeypatch.setattr(discovery, "ANSWERS_WITHIN", 0.05)
    monkeypatch.setattr(discovery, "_survey", Survey())
    try:
        found = discover({})
    finally:
        go_on.set()
    assert {device.why_not for device in found} <= {"does not answer"}
