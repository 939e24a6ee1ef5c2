"""What Prometheus reads of the mirrors."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from mirrortui.api.mirrors import Mirror
from mirrortui.engine.metrics import render
from mirrortui.testing.fake_engine import FakeEngine

Labels = frozenset[tuple[str, str]]


def samples(mirrors: list[Mirror]) -> dict[tuple[str, Labels], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(render(mirrors).decode())
        for sample in family.samples
    }


def value(found: dict[tuple[str, Labels], float], name: str, **labels: str) -> float | None:
    return found.get((f"mirrortui_{name}", frozenset(labels.items())))


def test_every_mirror_and_member_is_there() -> None:
    mirrors = [m for state in ("healthy", "kernel") for m in FakeEngine(state).mirrors()]
    found = samples(mirrors)
    for mirror in mirrors:
        own = {"mirror": mirror.name, "driver": mirror.driver}
        assert value(found, "mirror_size_bytes", **own) == mirror.size
        assert value(found, "mirror_mismatch_bytes", **own) == mirror.mismatches
        assert value(found, "mirror_state", **own, state=mirror.state) == 1
        assert value(found, "sync_action", **own, action=mirror.sync_action) == 1
        in_sync = sum(m.state == "in_sync" for m in mirror.members)
        assert value(found, "members", **own, state="in_sync") == in_sync
        completed = mirror.sync.completed if mirror.sync else None
        assert value(found, "sync_completed_bytes", **own) == completed
        for member in mirror.members:
            if member.path:
                errors = value(found, "member_read_errors_total", **own, member=member.path)
                assert errors == member.read_errors
    assert {mirror.driver for mirror in mirrors} == {"mirrortui", "kernel"}


def test_strange_names_stay_one_line_each() -> None:
    (mirror, *_) = FakeEngine("healthy").mirrors()
    strange = Mirror(
        name='a"b\\c\nd', uuid="", size=1, state="clean", sync_action="idle", sync=None, events=1, mismatches=0,
        bitmap=None, uri="", members=[], raid_disks=2,
    )  # fmt: skip
    assert value(samples([strange]), "mirror_size_bytes", mirror='a"b\\c\nd', driver="mirrortui") == 1
    assert samples([]) == {}
    assert mirror.name != strange.name
