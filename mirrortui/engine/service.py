"""The engine's HTTP interface: each route turns a body into a request, and an answer or an error into JSON."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from mirrortui.api.answers import EngineInfo
from mirrortui.api.client import HEARTBEAT
from mirrortui.api.names import checked_path
from mirrortui.api.problems import to_problem
from mirrortui.api.requests import (
    AccessRequest,
    AdoptRequest,
    AssembleRequest,
    BadBlocksRequest,
    BitmapRequest,
    CreateRequest,
    ExportRequest,
    ForecastRequest,
    GrowRequest,
    HandoverRequest,
    ImpactRequest,
    LabRequest,
    LookRequest,
    MemberRequest,
    RenameRequest,
    ReplaceRequest,
    SetRequest,
    SpeedRequest,
    StopRequest,
    SyncRequest,
    TakeoverRequest,
    ZeroRequest,
)
from mirrortui.engine import daily, zeroing
from mirrortui.engine.devices import list_devices
from mirrortui.engine.drives import DriveWatch
from mirrortui.engine.journal import Journal
from mirrortui.engine.kernel import Keeper
from mirrortui.engine.supervisor import Supervisor
from mirrortui.engine.ward import Ward
from mirrortui.errors import MirrortuiError, NotFoundError, RequestError
from mirrortui.log import logger

LARGEST_BODY = 1 << 20
"""Bytes of a request."""
_PROMETHEUS = "text/plain; version=0.0.4"
_STATUS = {
    "bad-request": 400,
    "not-found": 404,
    "bad-member": 422,
    "bad-format": 422,
    "worker-gone": 503,
    "timeout": 504,
    "failed": 500,
}
"""HTTP status by error code; 409 for the rest, which are refusals."""

Endpoint = Callable[[Request], Awaitable[Response]]
Body = TypeVar("Body", bound=msgspec.Struct)


class Service:
    """The routes under /v1, over one supervisor and one journal."""

    def __init__(
        self,
        supervisor: Supervisor,
        journal: Journal,
        drives: DriveWatch,
        info: Callable[[], EngineInfo],
        end: Callable[[], None],
    ) -> None:
        self._supervisor = supervisor
        self._journal = journal
        self._drives = drives
        self._info = info
        self._end = end

    def app(self) -> Starlette:
        """The ASGI application."""
        routes = [
            ("GET", "/v1/engine", self._engine),
            ("POST", "/v1/engine/stop", self._stop_engine),
            ("GET", "/v1/mirrors", self._mirrors),
            ("POST", "/v1/mirrors", self._create),
            ("POST", "/v1/adopt", self._adopt),
            ("POST", "/v1/speed", self._common_speed),
            ("POST", "/v1/assemble", self._assemble),
            ("GET", "/v1/scan", self._scan),
            ("GET", "/v1/devices", self._devices),
            ("POST", "/v1/zero-superblock", self._zero_superblock),
            ("GET", "/metrics", self._metrics),
            ("GET", "/v1/events", self._events),
            ("GET", "/v1/mirrors/{name}", self._mirror),
            ("POST", "/v1/mirrors/{name}/stop", self._stop),
            ("POST", "/v1/mirrors/{name}/export", self._export),
            ("POST", "/v1/mirrors/{name}/speed", self._speed),
            ("POST", "/v1/mirrors/{name}/impact", self._impact),
            ("POST", "/v1/mirrors/{name}/badblocks", self._bad_blocks),
            ("POST", "/v1/mirrors/{name}/sync", self._sync),
            ("GET", "/v1/mirrors/{name}/mismatches", self._mismatches),
            ("POST", "/v1/mirrors/{name}/look", self._look),
            ("POST", "/v1/mirrors/{name}/replace", self._replace),
            ("POST", "/v1/mirrors/{name}/if-fails", self._forecast),
            ("POST", "/v1/mirrors/{name}/set", self._set_flag),
            ("POST", "/v1/mirrors/{name}/bitmap", self._set_bitmap),
            ("POST", "/v1/mirrors/{name}/grow", self._grow),
            ("POST", "/v1/mirrors/{name}/access", self._set_access),
            ("POST", "/v1/mirrors/{name}/rename", self._rename),
            ("POST", "/v1/mirrors/{name}/lab", self._lab),
            ("POST", "/v1/mirrors/{name}/handover", self._handover),
            ("POST", "/v1/mirrors/{name}/takeover", self._takeover),
            ("POST", "/v1/mirrors/{name}/{verb}", self._change),
        ]
        return Starlette(
            routes=[Route(path, _guarded(endpoint), methods=[method]) for method, path, endpoint in routes],
            exception_handlers={404: _no_route, 405: _no_route},
        )

    async def _ward(self, request: Request) -> Ward | Keeper:
        return await self._supervisor.find(request.path_params["name"])

    async def _engine(self, request: Request) -> Response:
        return _answer(self._info())

    async def _stop_engine(self, request: Request) -> Response:
        self._end()
        return _answer(self._info())

    async def _mirrors(self, request: Request) -> Response:
        return _answer(self._drives.on(await self._supervisor.mirrors()))

    async def _mirror(self, request: Request) -> Response:
        (mirror,) = self._drives.on([await (await self._ward(request)).status()])
        return _answer(mirror)

    async def _create(self, request: Request) -> Response:
        return _answer(await self._supervisor.create(await _body(request, CreateRequest)))

    async def _adopt(self, request: Request) -> Response:
        return _answer(await self._supervisor.adopt(await _body(request, AdoptRequest)))

    async def _assemble(self, request: Request) -> Response:
        return _answer(await self._supervisor.assemble(await _body(request, AssembleRequest)))

    async def _scan(self, request: Request) -> Response:
        return _answer(await self._supervisor.scan())

    async def _devices(self, request: Request) -> Response:
        devices = await asyncio.to_thread(list_devices, await self._supervisor.mirrors())
        return _answer(self._drives.on_devices(devices))

    async def _zero_superblock(self, request: Request) -> Response:
        mirrors = await self._supervisor.mirrors()
        asked = await _body(request, ZeroRequest)
        return _answer(await asyncio.to_thread(zeroing.zero_superblock, asked, mirrors))

    async def _metrics(self, request: Request) -> Response:
        from mirrortui.engine.metrics import render  # few engines are ever asked

        mirrors = self._drives.on(await self._supervisor.mirrors())
        return Response(await asyncio.to_thread(render, mirrors), media_type=_PROMETHEUS)

    async def _stop(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.stop(await _body(request, StopRequest)))

    async def _export(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.export(await _body(request, ExportRequest)))

    async def _speed(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.set_speed(await _body(request, SpeedRequest)))

    async def _common_speed(self, request: Request) -> Response:
        self._supervisor.set_speed(await _body(request, SpeedRequest))
        return _answer(self._info())

    async def _impact(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.set_impact(await _body(request, ImpactRequest)))

    async def _bad_blocks(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.bad_blocks(await _body(request, BadBlocksRequest)))

    async def _sync(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.sync(await _body(request, SyncRequest)))

    async def _mismatches(self, request: Request) -> Response:
        return _answer(await (await self._ward(request)).mismatches())

    async def _look(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.look(await _body(request, LookRequest)))

    async def _replace(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await ward.replace_member(await _body(request, ReplaceRequest)))

    async def _forecast(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await daily.forecast(ward, await _body(request, ForecastRequest)))

    async def _set_flag(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await daily.set_flag(ward, await _body(request, SetRequest)))

    async def _set_bitmap(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await daily.set_bitmap(ward, await _body(request, BitmapRequest)))

    async def _grow(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await daily.grow(ward, await _body(request, GrowRequest)))

    async def _set_access(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _answer(await self._supervisor.set_access(name, await _body(request, AccessRequest)))

    async def _rename(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _answer(await self._supervisor.rename(name, await _body(request, RenameRequest)))

    async def _lab(self, request: Request) -> Response:
        ward = await self._ward(request)
        return _answer(await daily.suffer(ward, await _body(request, LabRequest)))

    async def _handover(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _answer(await self._supervisor.handover(name, await _body(request, HandoverRequest)))

    async def _takeover(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _answer(await self._supervisor.takeover(name, await _body(request, TakeoverRequest)))

    async def _change(self, request: Request) -> Response:
        verb = request.path_params["verb"]
        if verb not in ("fail", "remove", "add", "re-add"):
            raise NotFoundError(f"There is no verb {verb!r}.")
        ward = await self._ward(request)
        return _answer(await ward.change(verb, await _body(request, MemberRequest)))

    async def _events(self, request: Request) -> Response:
        try:
            since = int(request.query_params.get("since", "0"))
        except ValueError:
            raise RequestError("since must be the number of an event.") from None
        follow = request.query_params.get("follow") == "1"
        lines = self._follow(since) if follow else self._so_far(since)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def _so_far(self, since: int) -> AsyncIterator[bytes]:
        yield msgspec.json.Encoder().encode_lines(self._journal.since(since))

    async def _follow(self, since: int) -> AsyncIterator[bytes]:
        encoder = msgspec.json.Encoder()
        async for events in self._journal.follow(since, HEARTBEAT):
            yield encoder.encode_lines(events) or b"\n"


def _guarded(endpoint: Endpoint) -> Endpoint:
    async def run(request: Request) -> Response:
        try:
            return await endpoint(request)
        except MirrortuiError as error:
            return _refusal(error)
        except Exception:
            logger.exception("%s %s", request.method, request.url.path)
            return _refusal(
                MirrortuiError("The engine met an error of its own.", hint="Its log has the details.")
            )

    return run


async def _body(request: Request, kind: type[Body]) -> Body:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > LARGEST_BODY:
            raise RequestError(f"The request has more than {LARGEST_BODY} bytes.")
    try:
        body = msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RequestError(f"The request cannot be understood: {error}.") from error
    for path in _paths(body):
        checked_path(path)
    return body


def _paths(body: msgspec.Struct) -> list[str]:
    """Every file that a request names."""
    match body:
        case CreateRequest(members=members, spares=spares):
            return [*members, *spares]
        case AdoptRequest(disk=disk, new=new, into=into):
            return [disk, *(path for path in (new, into) if path)]
        case AssembleRequest(members=members, survivor=survivor):
            return [*members, survivor] if survivor else members
        case (
            MemberRequest(member=member)
            | ForecastRequest(member=member)
            | SetRequest(member=member)
            | BadBlocksRequest(member=member)
            | ZeroRequest(member=member)
        ):
            return [member]
        case LabRequest(member=member):
            return [member] if member else []
        case ReplaceRequest(member=member, replacement=replacement):
            return [member, replacement]
        case ExportRequest(unix=str(unix)):
            return [unix]
        case _:
            return []


def _answer(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


def _refusal(error: MirrortuiError) -> Response:
    return Response(
        msgspec.json.encode(to_problem(error)), _STATUS.get(error.code, 409), media_type="application/json"
    )


async def _no_route(request: Request, error: Exception) -> Response:
    return _refusal(NotFoundError(f"The engine has no {request.method} {request.url.path}."))
