"""How warm a disk is and whether it fails: by a made-up sysfs, and a smartctl that answers what real ones do."""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path

import pytest

from mirrortui.device import drive, smart, usage

ATA_WELL = {
    "smartctl": {"version": [7, 3], "exit_status": 0},
    "smart_status": {"passed": True},
    "ata_smart_attributes": {
        "table": [
            {"id": 5, "name": "Reallocated_Sector_Ct", "value": 100, "thresh": 10, "when_failed": "",
             "flags": {"prefailure": True}},
            {"id": 190, "name": "Airflow_Temperature_Cel", "when_failed": "past", "flags": {"prefailure": True}},
            {"id": 9, "name": "Power_On_Hours", "when_failed": "now", "flags": {"prefailure": False}},
        ]
    },
    "temperature": {"current": 38},
}  # fmt: skip


@pytest.fixture
def sys_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(usage, "SYS", tmp_path)
    return tmp_path


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def smartctl(tmp_path: Path, answer: object, code: int = 0, before: str = "") -> str:
    """A program that writes down its arguments, and answers."""
    script = tmp_path / "smartctl"
    said = shlex.quote(answer if isinstance(answer, str) else json.dumps(answer))
    put(script, f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n{before}\nprintf %s {said}\nexit {code}\n')
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("disk", "where"),
    [
        ("sda", "device/hwmon/hwmon3"),
        ("nvme0n1", "device/hwmon1"),
        ("nvme1n1", "device/nvme1/hwmon0"),
    ],
)
def test_temperature(sys_: Path, disk: str, where: str) -> None:
    put(sys_ / "block" / disk / where / "temp1_input", "38850\n")
    assert drive.temperature(disk) == drive.Warmth(39)


def test_no_temperature_is_none_and_not_zero(sys_: Path) -> None:
    (sys_ / "block/sda/device").mkdir(parents=True)
    assert drive.temperature("sda") == drive.Warmth(None, "no sensor")
    put(sys_ / "block/sda/device/hwmon/hwmon3/temp1_input", "")
    assert drive.temperature("sda") == drive.Warmth(None, "its sensor does not answer")


def test_a_disk_that_is_well(tmp_path: Path) -> None:
    found = smart.ask(smartctl(tmp_path, ATA_WELL), "/dev/sda", "sat")
    assert found == smart.Health(False, "", 38)
    assert (tmp_path / "asked").read_text() == "--json=c -H -A -n standby,3 -d sat /dev/sda\n"


NOW = {"name": "Reallocated_Sector_Ct", "when_failed": "now", "flags": {"prefailure": True}}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ({"smart_status": {"passed": False}}, 8, "it expects to fail soon"),
        (
            {"smart_status": {"passed": False}, "ata_smart_attributes": {"table": [NOW]}},
            24,
            "past the limit: Reallocated_Sector_Ct",
        ),
        (
            {"smart_status": {"passed": True}, "ata_smart_attributes": {"table": [NOW]}},
            16,
            "past the limit: Reallocated_Sector_Ct",
        ),
        (
            {
                "smart_status": {
                    "passed": False,
                    "nvme": {"value": 9, "spare_below_threshold": True, "reliability_degraded": False,
                             "media_read_only": True, "other": 0},
                }
            },
            8,
            "spare below threshold, media read only",
        ),
        (
            {"smart_status": {"passed": False, "scsi": {"ie_string": "FAILURE PREDICTION THRESHOLD EXCEEDED"}}},
            8,
            "failure prediction threshold exceeded",
        ),
    ],
)  # fmt: skip
def test_a_disk_that_fails_says_why(tmp_path: Path, answer: object, code: int, words: str) -> None:
    assert smart.ask(smartctl(tmp_path, answer, code), "/dev/sda") == smart.Health(True, words)


def refusal(text: str) -> object:
    return {"smartctl": {"messages": [{"string": text, "severity": "error"}], "exit_status": 2}}


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        (refusal("Smartctl open device: /dev/sda failed: Permission denied"), 2, "only root may ask"),
        (refusal("/dev/vda: Unable to detect device type"), 1, "it has none"),
        (refusal("Read Device Identity failed: scsi error"), 2, "Read Device Identity failed: scsi error"),
        ({"smartctl": {"exit_status": 0}}, 0, "it has none"),
        ("", 0, "smartctl answered nothing that can be read"),
        ("[1, 2", 0, "smartctl answered nothing that can be read"),
        ([1], 0, "it has none"),
        ({"smart_status": "x", "smartctl": {"messages": {"a": 1}}}, 0, "it has none"),
        ({"ata_smart_attributes": {"table": [4]}, "temperature": {"current": "hot"}}, 0, "it has none"),
    ],
)  # fmt: skip
def test_what_is_not_known_says_why(tmp_path: Path, answer: object, code: int, words: str) -> None:
    assert smart.ask(smartctl(tmp_path, answer, code), "/dev/sda") == smart.Health(None, words)


def test_a_disk_that_sleeps_is_left_alone(tmp_path: Path) -> None:
    told = {"smartctl": {"messages": [{"string": "Device is in STANDBY mode, exit(3)"}], "exit_status": 3}}
    found = smart.ask(smartctl(tmp_path, told, 3), "/dev/sda")
    assert found == smart.Health(None, "not asked: it sleeps", asleep=True)


def test_a_disk_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    program = smartctl(tmp_path, ATA_WELL, before="exec sleep 60")
    began = time.monotonic()
    assert smart.ask(program, "/dev/sda", timeout=0.2) == smart.Health(None, "no answer in 0 s")
    assert time.monotonic() - began < 10


def test_without_smartmontools(sys_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(sys_))
    monkeypatch.setattr(smart, "_SEARCHED", "")
    assert drive.health("sda") == smart.Health(None, "smartctl is not installed")


@pytest.mark.parametrize(
    ("disk", "vendor", "kind"),
    [
        ("sda", "ATA     \n", "-d sat "),
        ("nvme0n1", "", "-d nvme "),
        ("sdb", "SEAGATE\n", ""),
        ("cciss!c0d0", "", ""),
    ],
)
def test_the_kind_is_not_guessed_where_it_is_known(
    sys_: Path, monkeypatch: pytest.MonkeyPatch, disk: str, vendor: str, kind: str
) -> None:
    put(sys_ / "block" / disk / "device/vendor", vendor)
    smartctl(sys_, ATA_WELL)
    monkeypatch.setenv("PATH", f"{sys_}{os.pathsep}{os.environ['PATH']}")
    assert drive.health(disk).failing is False
    assert (
        sys_ / "asked"
    ).read_text() == f"--json=c -H -A -n standby,3 {kind}/dev/{disk.replace('!', '/')}\n"
