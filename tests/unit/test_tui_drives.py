"""The screen says how the disks are, and that one which fails wants attention."""

from __future__ import annotations

from itertools import pairwise

from msgspec.structs import replace

from mirrortui.api.mirrors import Drive
from mirrortui.cli.text import mirror_lines
from mirrortui.testing.fake_drives import failing
from mirrortui.testing.fake_engine import FakeEngine
from mirrortui.tui import drives, words
from mirrortui.tui.alarms import alarms
from mirrortui.tui.remedies import Search
from mirrortui.tui.store import Store
from mirrortui.tui.widgets.device_tree import explanation
from mirrortui.tui.widgets.member_details import details

NOW = 10_000.0


def test_absent_is_said_with_its_reason_and_never_as_a_number() -> None:
    absent = [Drive(name="sdb", asked=NOW, no_temperature="no sensor", health="smartctl is not installed")]
    said = [words for words, _ in drives.told(absent, NOW, named=True)]
    assert said == ["no temperature (no sensor)", "no SMART (smartctl is not installed)"]
    assert drives.told([Drive(name="sdb")], NOW, named=False) == [("sdb being asked", "quiet")]
    assert drives.told(None, NOW, named=True) == []


def test_an_old_answer_says_how_old_it_is() -> None:
    old = Drive(name="sdb", asked=NOW - 3600, temperature=31, failing=False)
    assert drives.told([old], NOW, named=True)[0] == ("31 °C 60 min ago", "quiet")
    assert drives.told([replace(old, asked=NOW)], NOW, named=True)[0] == ("31 °C", "quiet")


def test_a_member_and_a_device_have_it_in_their_details() -> None:
    engine = FakeEngine("healthy")
    (member, *_) = engine.mirrors()[0].members
    now = engine.clock.now()
    told = "\n".join(line.plain for line in details(member, None, now, 80))
    assert "34 °C · SMART: well" in told
    shown = {device.path: explanation(device, now, 80).plain for device in engine.devices()}
    assert "29 °C · SMART: well" in shown["/dev/sdg"]
    assert "no temperature (no sensor)" in shown["/dev/sdf"]
    assert "nvme0n1 43 °C" in shown["/dev/nvme0n1p2"]  # of a partition, whose it is


def test_a_failing_disk_is_a_worry_in_words() -> None:
    engine = FakeEngine("at-risk")
    mirrors = sorted(engine.mirrors(), key=words.rank)
    assert [words.mirror_face(mirror).word for mirror in mirrors] == ["at risk", "healthy", "healthy"]
    face, headline = words.headline(mirrors, engine.clock.now())
    assert face.tone == "attention"
    assert headline == "vault is whole, but /dev/sdc is failing, F fixes it"
    assert any(
        "sdc, the disk of /dev/sdc, says that it is failing" in line for line in mirror_lines(mirrors[0])
    )


def test_of_an_image_it_is_the_disk_that_is_named() -> None:
    engine = FakeEngine("healthy")
    scratch = next(mirror for mirror in engine.mirrors() if mirror.name == "scratch")
    bad = replace(scratch.members[0], drives=[Drive(name="vda", asked=1.0, failing=True, health="worn")])
    assert drives.worry(replace(scratch, members=[bad, scratch.members[1]])) == (
        "vda, the disk of scratch-a.img, says that it is failing (worn)"
    )


def test_one_that_is_out_worries_nobody_any_more() -> None:
    engine = FakeEngine("degraded")
    vault = engine.mirror("vault")
    out = replace(failing(vault.members[0], NOW), state="faulty")
    assert drives.worry(replace(vault, members=[out, vault.members[1]])) == ""


def test_it_makes_a_noise_once() -> None:
    engine = FakeEngine("healthy")
    store = Store(engine, engine.clock)
    pictures = [store.take()]
    vault = engine.mirror("vault")
    engine._mirrors["vault"] = replace(vault, members=[vault.members[0], failing(vault.members[1], NOW)])
    pictures += [store.take(), store.take()]
    news = [[(alarm.title, alarm.loud) for alarm in alarms(*pair)] for pair in pairwise(pictures)]
    assert news == [[("vault is at risk", True)], []]


def test_fixing_it_fills_another_disk_while_it_serves() -> None:
    engine = FakeEngine("at-risk")
    course = Search(engine, engine.mirror("vault")).run()
    assert [step.command for step in course.steps] == [
        "mirrortui replace vault /dev/sdc --with /dev/sdg --yes"
    ]
