"""The client against a server that answers what the test wants, over a real socket."""

from __future__ import annotations

import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import msgspec
import pytest

from mirrortui.api import client as client_module
from mirrortui.api.answers import EngineInfo, Event, Plan, Problem
from mirrortui.api.client import EngineClient
from mirrortui.api.consent import command, refusal, require
from mirrortui.api.problems import UnconfirmedError, from_problem, to_problem
from mirrortui.api.requests import MemberRequest, StopRequest
from mirrortui.errors import (
    DivergedError,
    InUseError,
    MirrortuiError,
    NoEngineError,
    NotFoundError,
    RefusedError,
)

INFO = EngineInfo(version="1", pid=7, started=1.0, socket="/s", mirrors=0, last_seq=0)
PLAN = Plan(
    verb="fail",
    mirror="vault",
    title="Fail b.img",
    copies="nothing",
    erases=[],
    meanwhile="",
    afterwards="1 of 2 copies",
    command="mirrortui fail vault b.img",
    confirm="yes",
    refused=None,
    events=41,
)

Reply = Callable[[BaseHTTPRequestHandler], None]


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    reply: Reply


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.reply(self)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[_Server]:
    server = _Server(str(tmp_path / "engine.sock"), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(tmp_path: Path) -> EngineClient:
    return EngineClient(tmp_path / "engine.sock")


def answering(status: int, content: object, asked: list[tuple[str, bytes]] | None = None) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        body = content if isinstance(content, bytes) else msgspec.json.encode(content)
        sent = handler.rfile.read(int(handler.headers.get("Content-Length", "0")))
        if asked is not None:
            asked.append((f"{handler.command} {handler.path}", sent))
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def streaming(lines: list[bytes], until: threading.Event) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for line in lines:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        handler.wfile.flush()
        until.wait(10)
        handler.close_connection = True

    return reply


def event(seq: int) -> bytes:
    return (
        msgspec.json.encode(
            Event(seq=seq, time=1.0, mirror="vault", kind="k", severity="info", text=f"Event {seq}.")
        )
        + b"\n"
    )


def test_an_answer_is_typed(server: _Server, client: EngineClient) -> None:
    server.reply = answering(200, INFO)
    assert client.engine() == INFO


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("not-found", NotFoundError),
        ("in-use", InUseError),
        ("diverged", DivergedError),
        ("nonsense", MirrortuiError),
    ],
)
def test_an_error_comes_back_as_it_was_raised(
    server: _Server, client: EngineClient, code: str, kind: type[MirrortuiError]
) -> None:
    server.reply = answering(409, Problem(code=code, message="No.", hint="Try another."))
    with pytest.raises(MirrortuiError) as caught:
        client.mirror("vault")
    assert type(caught.value) is kind
    assert (caught.value.what, caught.value.hint) == ("No.", "Try another.")


def test_a_plan_that_wants_a_confirmation_comes_along(server: _Server, client: EngineClient) -> None:
    server.reply = answering(409, Problem(code="confirm", message="Sure?", plan=PLAN))
    with pytest.raises(UnconfirmedError) as caught:
        client.change("vault", "fail", MemberRequest(member="/b.img"))
    assert caught.value.plan == PLAN


def test_what_is_asked_is_what_is_sent(server: _Server, client: EngineClient) -> None:
    asked: list[tuple[str, bytes]] = []
    server.reply = answering(200, PLAN, asked)
    client.plan_change("a b/c", "re-add", MemberRequest(member="/b.img"))
    client.plan_stop("vault", StopRequest(force=True))
    (one, body), (other, second) = asked
    assert one == "POST /v1/mirrors/a%20b%2Fc/re-add"
    assert msgspec.json.decode(body, type=MemberRequest) == MemberRequest(member="/b.img", plan=True)
    assert other == "POST /v1/mirrors/vault/stop"
    assert msgspec.json.decode(second, type=StopRequest) == StopRequest(force=True, plan=True)


def test_nobody_there(client: EngineClient) -> None:
    with pytest.raises(NoEngineError, match="No such file") as caught:
        client.mirrors()
    assert caught.value.exit_code == 4
    assert "mirrortui engine run" in caught.value.hint


@pytest.mark.parametrize("body", [b"<html>", b'{"version": 7}', b"\xff"])
def test_what_is_no_engine_is_told_so(server: _Server, client: EngineClient, body: bytes) -> None:
    server.reply = answering(200, body)
    with pytest.raises(MirrortuiError, match="broke off"):
        client.engine()
    server.reply = answering(500, body)
    with pytest.raises(MirrortuiError, match="not a mirrortui engine"):
        client.engine()


def test_events_so_far(server: _Server, client: EngineClient) -> None:
    server.reply = answering(200, event(1) + event(2))
    assert [event.seq for event in client.events()] == [1, 2]


def test_a_followed_engine_that_ends_is_noticed(server: _Server, client: EngineClient) -> None:
    over = threading.Event()
    server.reply = streaming([event(1), b"\n", event(2)], over)
    stream = client.events(follow=True)
    found = iter(stream)
    assert [next(found).seq, next(found).seq] == [1, 2]
    over.set()
    with pytest.raises(NoEngineError):
        next(found)
    stream.close()


def test_a_followed_engine_that_falls_silent_is_noticed(
    server: _Server, client: EngineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "HEARTBEAT", 0.02)
    over = threading.Event()
    server.reply = streaming([event(1)], over)
    stream = client.events(follow=True)
    found = iter(stream)
    assert next(found).seq == 1
    with pytest.raises(NoEngineError, match="timed out"):
        next(found)
    stream.close()
    over.set()


def test_a_stream_can_be_closed_from_another_thread(server: _Server, client: EngineClient) -> None:
    over = threading.Event()
    server.reply = streaming([event(1)], over)
    stream = client.events(follow=True)
    seen: list[int] = []
    first = threading.Event()

    def follow() -> None:
        for found in stream:
            seen.append(found.seq)
            first.set()

    reader = threading.Thread(target=follow)
    reader.start()
    assert first.wait(5)
    stream.close()
    reader.join(5)
    assert not reader.is_alive()
    assert seen == [1]
    over.set()


def test_problems_survive_the_wire() -> None:
    for error in (NotFoundError("No.", hint="Look."), UnconfirmedError("Sure?", hint="--yes", plan=PLAN)):
        back = from_problem(to_problem(error))
        assert type(back) is type(error)
        assert (back.what, back.hint, getattr(back, "plan", None)) == (
            error.what,
            error.hint,
            getattr(error, "plan", None),
        )


def test_a_plan_runs_only_when_it_may() -> None:
    require(PLAN, yes=True)
    with pytest.raises(UnconfirmedError, match="1 of 2 copies") as caught:
        require(PLAN, yes=False)
    assert caught.value.plan == PLAN
    refused = refusal(
        "fail", "vault", "Fail b.img", "mirrortui fail", RefusedError("It is the last.", hint="Add one.")
    )
    with pytest.raises(RefusedError, match=r"It is the last\. Add one\."):
        require(refused, yes=True)


def test_a_command_line_can_be_pasted() -> None:
    line = command(
        "create", "vault", "/a b.img", force=True, assume_clean=False, bitmap_chunk=65536, size=None
    )
    assert line == "mirrortui create vault '/a b.img' --force --bitmap-chunk 65536"


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import mirrortui.api.client, mirrortui.api.launch, sys;"
        "heavy = {'textual', 'rich', 'httpx', 'asyncio', 'starlette', 'uvicorn', 'psutil', 'mirrortui.device'};"
        "sys.stdout.write(chr(32).join(heavy & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).stdout == b""
