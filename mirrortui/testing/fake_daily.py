"""What a FakeEngine does of the small matters of daily use."""

from __future__ import annotations

import threading
from typing import Protocol

from mirrortui.api.schema import Forecast, ForecastRequest, Member, Mirror, Plan, Severity


class _Engine(Protocol):
    """What of a FakeEngine is used here; the lock is its own."""

    _changed: threading.Condition
    _mirrors: dict[str, Mirror]

    def _answer(self) -> None: ...
    def _confirm(self, plan: Plan, yes: bool, events: int | None = None) -> None: ...
    def _find(self, name: str) -> Mirror: ...
    def _member(self, mirror: Mirror, path: str) -> Member: ...
    def _tell(
        self, mirror: Mirror, kind: str, severity: Severity, text: str, member: str | None = None
    ) -> None: ...


class DailyVerbs:
    """Their part of EngineApi."""

    def forecast(self: _Engine, mirror: str, request: ForecastRequest) -> Forecast:
        with self._changed:
            self._answer()
            found = self._find(mirror)
            member = self._member(found, request.member)
            left = [m.path for m in found.members if m.state == "in_sync" and m.path != member.path]
            spare = next((m.path for m in found.members if m.state == "spare"), None) if left else None
            return Forecast(
                mirror=mirror,
                member=member.path,
                copies=left,
                spare=spare,
                copied=found.size if spare else 0,
                eta_s=None,
                lost=0 if left else found.size,
                text=f"{len(left)} of {found.raid_disks} would be in sync.",
            )
