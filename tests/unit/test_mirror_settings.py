"""Members' flags, the mirror's name, and a mirror that is read-only for a while."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from mirrortui.errors import MemberError, NotFoundError, RefusedError, RequestError
from mirrortui.format import names
from mirrortui.format.superblock import FAILFAST, WRITE_MOSTLY
from mirrortui.mirror.array import State
from mirrortui.mirror.assembly.reading import read_member
from mirrortui.mirror.checking.findings import Findings
from mirrortui.mirror.mirror import Mirror
from mirrortui.mirror.verbs import access, manage, settings
from mirrortui.testing.simulated import SimDisk
from mirrortui.units import MIB, SECTOR
from tests.stage import METADATA, Stage, image, states


def pair(stage: Stage) -> tuple[Mirror, list[SimDisk]]:
    disks = [stage.disk("a"), stage.disk("b")]
    return stage.create(disks), disks


def superblocks(stage: Stage, disks: list[SimDisk]) -> list[tuple[str, int, int]]:
    """Of each disk the name, the flags and the events count."""
    found = [stage.run(read_member(disk, stage.pool)).superblock for disk in disks]
    return [(sb.set_name, sb.devflags, sb.events) for sb in found]


def readers(stage: Stage, mirror: Mirror) -> set[str]:
    """Who answers reads now, all over the mirror."""
    before = {m.path: m.read_bytes for m in mirror.array.members}
    for at in range(0, mirror.size, MIB):
        stage.read(mirror, at, 4096)
    return {m.path for m in mirror.array.members if m.read_bytes > before[m.path]}


def test_reads_leave_a_write_mostly_member_at_once_and_come_back() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    assert readers(stage, mirror) == {"a", "b"}
    stage.run(settings.set_flag(mirror, "a", WRITE_MOSTLY, True))
    assert [m.path for m in mirror._copies] == ["b"]
    assert readers(stage, mirror) == {"b"}
    stage.run(settings.set_flag(mirror, "a", FAILFAST, True))
    found = superblocks(stage, disks)
    assert [flags for _, flags, _ in found] == [WRITE_MOSTLY | FAILFAST, 0]
    assert found[0][2] == found[1][2] == mirror.array.events
    stage.run(settings.set_flag(mirror, "a", WRITE_MOSTLY, False))
    assert readers(stage, mirror) == {"a", "b"}
    stage.run(settings.set_flag(mirror, "b", WRITE_MOSTLY, True))
    stage.run(manage.stop(mirror))
    before = [image(disk) for disk in disks]
    again = stage.assemble(disks)
    assert [m.devflags for m in again.array.members] == [FAILFAST, WRITE_MOSTLY]
    assert readers(stage, again) == {"a"}
    stage.wait(1)
    assert [image(disk) for disk in disks] == before, "assembling it writes nothing"
    stage.run(manage.fail(again, "a"))
    assert readers(stage, again) == {"b"}, "the only one there is"


def test_what_is_so_already_is_not_written() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    before = superblocks(stage, disks)
    stage.run(settings.set_flag(mirror, "a", WRITE_MOSTLY, False))
    assert superblocks(stage, disks) == before


def test_a_member_that_is_out_is_not_written_to() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.run(manage.fail(mirror, "b"))
    before = image(disks[1])
    with pytest.raises(RefusedError, match="b is out of vault"):
        stage.run(settings.set_flag(mirror, "b", WRITE_MOSTLY, True))
    with pytest.raises(NotFoundError):
        stage.run(settings.set_flag(mirror, "x", WRITE_MOSTLY, True))
    stage.run(settings.rename(mirror, "attic"))
    assert image(disks[1]) == before


def test_a_member_that_fails_over_its_flags_is_out() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    disks[1].faults, stage.scheduler.rates.error = True, 1.0
    with pytest.raises(MemberError, match="b failed when its flags were written"):
        stage.run(settings.set_flag(mirror, "b", WRITE_MOSTLY, True))
    assert states(mirror)["b"] is State.FAULTY


def test_flags_and_names_come_back_with_a_re_added_member() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.run(settings.set_flag(mirror, "b", WRITE_MOSTLY, True))
    stage.run(manage.fail(mirror, "b"))
    stage.run(settings.rename(mirror, "attic"))
    stage.run(manage.re_add(mirror, disks[1]))
    stage.in_sync(mirror)
    assert [(name, flags) for name, flags, _ in superblocks(stage, disks)] == [
        ("attic", 0),
        ("attic", WRITE_MOSTLY),
    ]


def test_a_new_name_is_on_every_member_and_found_again() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.run(manage.add(mirror, spare := stage.disk("s")))
    stage.run(settings.rename(mirror, "attic"))
    assert mirror.array.label == "attic"
    assert {name for name, _, _ in superblocks(stage, [*disks, spare])} == {"attic"}
    stage.run(manage.stop(mirror))
    assert stage.assemble([*disks, spare], name="attic").array.label == "attic"


def test_one_that_was_away_is_known_by_its_company() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.run(manage.fail(mirror, "b"))
    stage.run(settings.rename(mirror, "attic"))
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks, name="attic")
    assert (again.array.label, states(again)) == ("attic", {"a": State.IN_SYNC})
    stage.run(manage.stop(again))
    for asked in ("vault", "attic"):
        if asked == "vault":
            assert stage.assemble(disks, name="vault", uuid=again.array.uuid, label="v").array.label == "v"
    with pytest.raises(RequestError, match="belongs to a mirror called attic, not shed"):
        stage.assemble(disks, name="shed")


def test_a_name_that_would_be_read_as_another_is_none() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    before = superblocks(stage, disks)
    for name in ("a:b", ".x", "x y"):
        with pytest.raises(RequestError, match="would call it"):
            stage.run(settings.rename(mirror, name))
    assert superblocks(stage, disks) == before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("vault", "attic", "attic"),
        ("host:vault", "attic", "host:attic"),
        ("host:vault", "x" * 27, "host:" + "x" * 27),
        ("host:vault", "x" * 28, "x" * 28),
        (":vault", "attic", "attic"),
    ],
)
def test_the_host_stays_where_it_fits(old: str, new: str, expected: str) -> None:
    assert names.renamed(old, new) == expected
    assert names.label(expected) == new


def test_read_only_is_clean_and_nothing_is_written_until_it_is_writable_again() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.write(mirror, 0, b"x" * 4096)
    assert mirror.array.active
    stage.run(access.make_readonly(mirror))
    sb = stage.run(read_member(disks[0], stage.pool)).superblock
    assert sb.clean
    before = [image(disk) for disk in disks]
    assert stage.write(mirror, 0, b"y" * 4096) == errno.EPERM
    answers: list[int] = []
    mirror.start_zero(0, 4096, False, False, answers.append)
    mirror.start_zero(0, mirror.size, False, False, answers.append)
    stage.until(lambda: len(answers) == 2)
    assert answers == [errno.EPERM] * 2
    with pytest.raises(RefusedError, match="read-only"):
        stage.run(manage.fail(mirror, "b"))
    with pytest.raises(RefusedError, match="read-only"):
        stage.run(access.make_readonly(mirror))
    stage.wait(30)
    assert [image(disk) for disk in disks] == before
    assert stage.read(mirror, 0, 4096) == b"x" * 4096
    stage.run(access.make_writable(mirror))
    assert stage.write(mirror, 0, b"y" * 4096) == 0
    assert stage.read(mirror, 0, 4096) == b"y" * 4096
    with pytest.raises(RefusedError, match="not read-only"):
        stage.run(access.make_writable(mirror))


def test_it_is_not_made_read_only_under_a_member_that_arrives() -> None:
    stage = Stage()
    mirror, _ = pair(stage)
    mirror.array.arriving.add("c")
    with pytest.raises(RefusedError, match="c is being added"):
        stage.run(access.make_readonly(mirror))


def test_a_check_is_interrupted_and_goes_on() -> None:
    stage = Stage()
    mirror, _ = pair(stage)
    stage.write(mirror, 0, b"x" * MIB)
    findings = Findings(action="repair", size=mirror.size, begun=stage.scheduler.now())
    mirror.sync.courtesy.most = MIB
    mirror.checker.start(findings)
    stage.run(access.make_readonly(mirror))
    assert not mirror.checker.running
    assert findings.ended is None
    mirror.sync.courtesy.most = 0
    stage.run(access.make_writable(mirror))
    stage.until(lambda: findings.complete)


def test_a_copy_under_way_rests_while_it_is_read_only() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.write(mirror, 0, b"x" * 4096)
    stage.run(manage.fail(mirror, "b"))
    for at in range(0, mirror.size, MIB):
        stage.write(mirror, at, b"y" * MIB)
    mirror.sync.courtesy.most = MIB
    stage.run(manage.re_add(mirror, disks[1]))
    stage.run(access.make_readonly(mirror))
    left = mirror.array.members[-1].need.count
    assert left > 0
    stage.wait(30)
    assert mirror.array.members[-1].need.count == left
    assert not mirror.sync.running
    mirror.sync.courtesy.most = 0
    stage.run(access.make_writable(mirror))
    stage.in_sync(mirror)
    assert disks[0].current[METADATA * SECTOR :] == disks[1].current[METADATA * SECTOR :]


def test_who_fails_while_it_is_read_only_is_written_down_before_the_next_answer() -> None:
    stage = Stage()
    disks = [stage.disk(name) for name in "abc"]
    mirror = stage.create(disks)
    stage.run(access.make_readonly(mirror))
    mirror.scribe.fault(mirror.array.members[2], "it does not answer")
    assert superblocks(stage, disks)[0][2] == mirror.array.events
    events = mirror.array.events
    stage.run(access.make_writable(mirror))
    assert superblocks(stage, disks)[0][2] > events
    sb = stage.run(read_member(disks[0], stage.pool)).superblock
    assert sb.dev_roles[2] == 0xFFFE


def test_a_spare_takes_over_when_it_is_writable_again() -> None:
    stage = Stage()
    mirror, _ = pair(stage)
    stage.run(manage.add(mirror, stage.disk("s")))
    stage.run(access.make_readonly(mirror))
    mirror.scribe.fault(mirror.array.members[1], "it does not answer")
    stage.wait(30)
    assert states(mirror)["s"] is State.SPARE
    stage.run(access.make_writable(mirror))
    stage.in_sync(mirror)
    assert states(mirror)["s"] is State.IN_SYNC


def test_one_that_was_assembled_read_only_stays_so() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.run(manage.stop(mirror))
    again = stage.assemble(disks, readonly=True)
    with pytest.raises(RefusedError, match="was assembled read-only"):
        stage.run(access.make_writable(again))


def test_a_mirror_that_breaks_down_does_not_become_read_only() -> None:
    stage = Stage()
    mirror, disks = pair(stage)
    stage.run(manage.fail(mirror, "b"))
    stage.write(mirror, 0, b"x" * 4096)
    disks[0].faults, stage.scheduler.rates.error = True, 1.0
    with pytest.raises(RefusedError, match="takes no changes"):
        stage.run(access.make_readonly(mirror))
    assert not mirror.array.readonly and not mirror.array.closing
    with pytest.raises(RefusedError, match="takes no changes"):
        stage.run(settings.set_flag(mirror, "a", WRITE_MOSTLY, True))


def test_a_levelled_member_keeps_its_own_flags_and_learns_the_name() -> None:
    """The power went in the middle of the round."""
    stage = Stage()
    mirror, disks = pair(stage)
    stage.run(settings.set_flag(mirror, "b", WRITE_MOSTLY, True))
    stage.run(manage.stop(mirror))
    sb = stage.run(read_member(disks[0], stage.pool)).superblock
    ahead = replace(sb, set_name="attic", devflags=FAILFAST, events=sb.events + 1)
    disks[0].medium.preset(sb.super_offset * SECTOR, ahead.encode())
    again = stage.assemble(disks)
    assert again.array.label == "attic"
    assert superblocks(stage, disks) == [
        ("attic", FAILFAST, sb.events + 1),
        ("attic", WRITE_MOSTLY, sb.events + 1),
    ]
