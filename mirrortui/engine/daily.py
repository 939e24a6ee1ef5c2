"""Small matters of daily use: asked of a worker of ours; the kernel's arrays have mdadm for them."""

from __future__ import annotations

from mirrortui.api.schema import Forecast, ForecastRequest
from mirrortui.engine.kernel import Keeper
from mirrortui.engine.ward import Ward
from mirrortui.errors import RefusedError


async def forecast(found: Ward | Keeper, request: ForecastRequest) -> Forecast:
    """What would happen if a member failed now. Raises RefusedError for what the kernel runs."""
    ward = _ours(found, "Which spare it takes is the kernel's to choose.")
    return await ward.ask("if-fails", request, Forecast)


def _ours(found: Ward | Keeper, hint: str) -> Ward:
    if isinstance(found, Keeper):
        raise RefusedError(f"The kernel runs {found.name}, as {found.seen.array.path}.", hint=hint)
    return found
