"""The mirrors as Prometheus reads them: text, made anew for each scrape from what `status` says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from mirrortui.api.mirrors import Mirror
from mirrortui.api.vocabulary import MemberState, MirrorState, SyncAction

_NAMES = "mirror", "driver"


def render(mirrors: Sequence[Mirror]) -> bytes:
    """In Prometheus's text format. Of a kernel's array only what the kernel tells."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Mirrors(mirrors))
    return generate_latest(registry)


class _Mirrors:
    """A collector."""

    def __init__(self, mirrors: Sequence[Mirror]) -> None:
        self._mirrors = mirrors

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._states()
        yield from self._amounts()
        yield from self._syncs()
        yield from self._members()
        yield from self._drives()

    def _states(self) -> Iterator[Metric]:
        info = InfoMetricFamily("mirrortui_mirror", "Identity.", labels=_NAMES)
        state = GaugeMetricFamily(
            "mirrortui_mirror_state", "1 for the state it is in.", labels=[*_NAMES, "state"]
        )
        members = GaugeMetricFamily("mirrortui_members", "Members in each state.", labels=[*_NAMES, "state"])
        for mirror in self._mirrors:
            labels = [mirror.name, mirror.driver]
            info.add_metric(labels, {"uuid": mirror.uuid, "metadata": mirror.metadata})
            for word in get_args(MirrorState):
                state.add_metric([*labels, word], mirror.state == word)
            for word in get_args(MemberState):
                members.add_metric([*labels, word], sum(m.state == word for m in mirror.members))
        yield from (info, state, members)

    def _amounts(self) -> Iterator[Metric]:
        told = (
            ("size_bytes", "Size.", lambda m: m.size),
            ("wanted_members", "Members in sync that it has when it is whole.", lambda m: m.raid_disks),
            ("events", "Count of metadata changes.", lambda m: m.events),
            ("mismatch_bytes", "Bytes that differ, by the last check.", lambda m: m.mismatches),
            ("dirty_chunks", "Chunks marked in the bitmap.", lambda m: m.bitmap and m.bitmap.dirty),
            ("clients", "NBD clients connected.", lambda m: len(m.clients)),
            ("read_bytes_per_second", "What clients read now.", lambda m: m.read_rate),
            ("write_bytes_per_second", "What clients write now.", lambda m: m.write_rate),
            ("worker_memory_bytes", "Resident memory of its worker.", lambda m: m.worker_memory or None),
            ("paused", "1: nothing is copied or checked.", lambda m: m.paused),
        )
        for name, help_text, value in told:
            family = GaugeMetricFamily(f"mirrortui_mirror_{name}", help_text, labels=_NAMES)
            for mirror in self._mirrors:
                if (amount := value(mirror)) is not None:
                    family.add_metric([mirror.name, mirror.driver], amount)
            yield family

    def _syncs(self) -> Iterator[Metric]:
        action = GaugeMetricFamily(
            "mirrortui_sync_action", "1 for what is copied or checked now.", labels=[*_NAMES, "action"]
        )
        done = GaugeMetricFamily("mirrortui_sync_completed_bytes", "Of the sync that runs.", labels=_NAMES)
        total = GaugeMetricFamily("mirrortui_sync_total_bytes", "Of the sync that runs.", labels=_NAMES)
        speed = GaugeMetricFamily("mirrortui_sync_bytes_per_second", "Of the sync that runs.", labels=_NAMES)
        for mirror in self._mirrors:
            labels = [mirror.name, mirror.driver]
            for word in get_args(SyncAction):
                action.add_metric([*labels, word], mirror.sync_action == word)
            if mirror.sync:
                done.add_metric(labels, mirror.sync.completed)
                total.add_metric(labels, mirror.sync.total)
                speed.add_metric(labels, mirror.sync.speed)
        yield from (action, done, total, speed)

    def _members(self) -> Iterator[Metric]:
        labels = [*_NAMES, "member"]
        in_sync = GaugeMetricFamily("mirrortui_member_in_sync", "1: it holds all the data.", labels=labels)
        bad = GaugeMetricFamily("mirrortui_member_bad_bytes", "Listed in its bad-block log.", labels=labels)
        counted = {
            "read_errors": "Reads that failed.",
            "write_errors": "Writes that failed.",
            "corrected": "Read errors that were put right.",
        }
        counters = {
            field: CounterMetricFamily(f"mirrortui_member_{field}", help_text, labels=labels)
            for field, help_text in counted.items()
        }
        for mirror in self._mirrors:
            for member in mirror.members:
                if not member.path:
                    continue
                row = [mirror.name, mirror.driver, member.path]
                in_sync.add_metric(row, member.state == "in_sync")
                bad.add_metric(row, member.bad)
                for field, family in counters.items():
                    family.add_metric(row, getattr(member, field))
        yield from (in_sync, bad, *counters.values())

    def _drives(self) -> Iterator[Metric]:
        """What is not known is not there."""
        labels = [*_NAMES, "member", "drive"]
        warmth = GaugeMetricFamily("mirrortui_drive_temperature_celsius", "Of a disk below.", labels=labels)
        failing = GaugeMetricFamily("mirrortui_drive_failing", "1: by SMART it is failing.", labels=labels)
        for mirror in self._mirrors:
            for member in mirror.members:
                for drive in member.drives or ():
                    row = [mirror.name, mirror.driver, member.path, drive.name]
                    if drive.temperature is not None:
                        warmth.add_metric(row, drive.temperature)
                    if drive.failing is not None:
                        failing.add_metric(row, drive.failing)
        yield from (warmth, failing)
