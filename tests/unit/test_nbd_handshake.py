"""The server's handshake, option by option and violation by violation."""

from __future__ import annotations

import struct

import pytest

from mirrortui.nbd.handshake import MAX_OPTION, Export, ServerHandshake, Terms
from mirrortui.nbd.protocol import (
    CLIENT_FLAGS,
    GREETING,
    INFO_BLOCK_SIZE,
    INFO_EXPORT,
    INIT_MAGIC,
    OPTION,
    OPTION_MAGIC,
    OPTION_REPLY,
    OPTION_REPLY_MAGIC,
    Info,
    Option,
    ProtocolError,
    Rep,
    TransmissionFlag,
)

EXPORT = Export("vault", 5 << 30, 512, readonly=False)
Reply = tuple[int, int, bytes]


class Dialogue:
    """A client that says anything."""

    def __init__(self, export: Export = EXPORT, *, flags: int = 3, piece: int = 1 << 20) -> None:
        self.server = ServerHandshake(export)
        self._piece = piece
        self.greeting = self.server.take()
        self.say(CLIENT_FLAGS.pack(flags))

    def say(self, data: bytes) -> bytes:
        """Send bytes, get what comes back."""
        for at in range(0, len(data), self._piece):
            self.server.feed(data[at : at + self._piece])
        return self.server.take()

    def ask(self, option: int, data: bytes = b"") -> list[Reply]:
        """Send an option; option, type and data of every reply."""
        back = self.say(OPTION.pack(OPTION_MAGIC, option, len(data)) + data)
        replies = []
        while back:
            magic, answered, kind, length = OPTION_REPLY.unpack_from(back)
            assert magic == OPTION_REPLY_MAGIC
            replies.append((answered, kind, back[OPTION_REPLY.size : OPTION_REPLY.size + length]))
            back = back[OPTION_REPLY.size + length :]
        return replies

    def only(self, option: int, data: bytes = b"") -> int:
        """The type of the one reply that must come."""
        ((answered, kind, _),) = self.ask(option, data)
        assert answered == option
        return kind

    @property
    def terms(self) -> Terms:
        assert self.server.result
        return self.server.result


def string(text: str) -> bytes:
    return struct.pack(">I", len(text.encode())) + text.encode()


def go(name: str, *wanted: int) -> bytes:
    return string(name) + struct.pack(f">H{len(wanted)}H", len(wanted), *wanted)


def context(name: str, *queries: str) -> bytes:
    return string(name) + struct.pack(">I", len(queries)) + b"".join(map(string, queries))


def test_greeting() -> None:
    assert Dialogue().greeting == GREETING.pack(INIT_MAGIC, OPTION_MAGIC, 3)
    assert Dialogue().greeting[:16] == b"NBDMAGICIHAVEOPT"


@pytest.mark.parametrize("piece", [1, 7, 4096])
@pytest.mark.parametrize("name", ["", "vault"])
def test_go_leads_to_terms_however_the_bytes_are_cut(piece: int, name: str) -> None:
    client = Dialogue(piece=piece)
    *infos, end = client.ask(Option.GO, go(name, Info.BLOCK_SIZE))
    assert end == (Option.GO, Rep.ACK, b"")
    assert client.server.ended
    assert client.terms == Terms(EXPORT, structured=False, block_status=False)
    bodies = [body for option, kind, body in infos if (option, kind) == (Option.GO, Rep.INFO)]
    export, sizes = bodies
    kind, size, flags = INFO_EXPORT.unpack(export)
    assert (kind, size) == (Info.EXPORT, 5 << 30)
    flag = TransmissionFlag
    assert flag(flags) == (
        flag.HAS_FLAGS | flag.SEND_FLUSH | flag.SEND_FUA | flag.SEND_TRIM | flag.SEND_WRITE_ZEROES
        | flag.SEND_FAST_ZERO | flag.CAN_MULTI_CONN | flag.SEND_CACHE
    )  # fmt: skip
    assert INFO_BLOCK_SIZE.unpack(sizes) == (Info.BLOCK_SIZE, 512, 4096, 32 << 20)


def test_info_tells_the_same_and_stays() -> None:
    client = Dialogue()
    told = client.ask(Option.INFO, go("vault"))
    assert told[-1] == (Option.INFO, Rep.ACK, b"")
    assert not client.server.ended
    assert [body for _, _, body in client.ask(Option.GO, go("vault"))] == [body for _, _, body in told]


def test_info_gives_the_name_when_asked() -> None:
    replies = Dialogue().ask(Option.INFO, go("", Info.NAME, 999))
    assert (Option.INFO, Rep.INFO, struct.pack(">H", Info.NAME) + b"vault") in replies


def test_readonly_export_offers_nothing_that_writes() -> None:
    flags = Export("v", 1, 1, readonly=True).flags(structured=True)
    flag = TransmissionFlag
    assert flags & flag.READ_ONLY
    assert not flags & (flag.SEND_TRIM | flag.SEND_WRITE_ZEROES | flag.SEND_FAST_ZERO | flag.ROTATIONAL)


def test_df_is_offered_with_structured_replies_only() -> None:
    assert not EXPORT.flags(structured=False) & TransmissionFlag.SEND_DF
    assert EXPORT.flags(structured=True) & TransmissionFlag.SEND_DF


def test_bytes_behind_go_are_the_next_phase() -> None:
    client = Dialogue()
    data = go("vault")
    client.say(OPTION.pack(OPTION_MAGIC, Option.GO, len(data)) + data + b"early request")
    assert client.terms.export is EXPORT
    assert client.server.rest() == b"early request"


@pytest.mark.parametrize("option", [Option.INFO, Option.GO])
def test_unknown_export_is_named(option: Option) -> None:
    client = Dialogue()
    ((_, kind, text),) = client.ask(option, go("volt"))
    assert kind == Rep.ERR_UNKNOWN
    assert b"volt" in text
    assert b"vault" in text
    assert client.ask(Option.GO, go("vault"))[-1][1] == Rep.ACK


def test_list() -> None:
    replies = Dialogue().ask(Option.LIST)
    assert replies == [(Option.LIST, Rep.SERVER, string("vault")), (Option.LIST, Rep.ACK, b"")]


def test_abort_is_acknowledged_and_ends_without_terms() -> None:
    client = Dialogue()
    assert client.only(Option.ABORT, b"ignored") == Rep.ACK
    assert client.server.ended
    assert client.server.result is None


@pytest.mark.parametrize("option", [Option.STARTTLS, 4, 8 + 3, 12345, 1 << 31])
def test_unknown_options_are_skipped_with_their_data(option: int) -> None:
    client = Dialogue()
    assert client.only(option, b"x" * 1000) == Rep.ERR_UNSUP
    assert client.ask(Option.GO, go(""))[-1][1] == Rep.ACK


def test_export_name_pads_unless_spared() -> None:
    header = OPTION.pack(OPTION_MAGIC, Option.EXPORT_NAME, 5) + b"vault"
    flags = EXPORT.flags(structured=False)
    expected = struct.pack(">QH", EXPORT.size, flags)
    assert Dialogue(flags=3).say(header) == expected
    client = Dialogue(flags=1)
    assert client.say(header) == expected + bytes(124)
    assert client.terms.export is EXPORT


def test_export_name_works_for_clients_of_the_old_newstyle() -> None:
    client = Dialogue(flags=0)
    client.say(OPTION.pack(OPTION_MAGIC, Option.EXPORT_NAME, 0))
    assert client.server.ended


def test_structured_replies() -> None:
    client = Dialogue()
    assert client.only(Option.STRUCTURED_REPLY) == Rep.ACK
    infos = client.ask(Option.GO, go(""))
    assert INFO_EXPORT.unpack(infos[0][2])[2] & TransmissionFlag.SEND_DF
    assert client.terms.structured


@pytest.mark.parametrize("option", [Option.LIST, Option.STRUCTURED_REPLY])
def test_data_where_none_belongs(option: Option) -> None:
    client = Dialogue()
    assert client.only(option, b"x") == Rep.ERR_INVALID
    client.ask(Option.GO, go(""))
    assert not client.terms.structured


def test_set_meta_context_selects() -> None:
    client = Dialogue()
    client.ask(Option.STRUCTURED_REPLY)
    replies = client.ask(Option.SET_META_CONTEXT, context("vault", "base:allocation", "qemu:dirty-bitmap:x"))
    assert replies == [
        (Option.SET_META_CONTEXT, Rep.META_CONTEXT, struct.pack(">I", 1) + b"base:allocation"),
        (Option.SET_META_CONTEXT, Rep.ACK, b""),
    ]
    client.ask(Option.GO, go("vault"))
    assert client.terms.block_status


@pytest.mark.parametrize("queries", [(), ("base:",), ("base:other",), ("x-none:y",), ("nocolon",)])
def test_set_meta_context_that_selects_nothing(queries: tuple[str, ...]) -> None:
    client = Dialogue()
    client.ask(Option.STRUCTURED_REPLY)
    assert client.only(Option.SET_META_CONTEXT, context("", *queries)) == Rep.ACK
    client.ask(Option.GO, go(""))
    assert not client.terms.block_status


def test_a_second_set_meta_context_replaces_the_first_even_when_it_fails() -> None:
    for second in (context("vault"), context("other", "base:allocation"), b"\0"):
        client = Dialogue()
        client.ask(Option.STRUCTURED_REPLY)
        client.ask(Option.SET_META_CONTEXT, context("vault", "base:allocation"))
        client.ask(Option.SET_META_CONTEXT, second)
        client.ask(Option.GO, go(""))
        assert not client.terms.block_status


@pytest.mark.parametrize("queries", [(), ("base:",), ("base:allocation",), ("base:allocation", "base:")])
def test_list_meta_context_finds_the_one_there_is(queries: tuple[str, ...]) -> None:
    client = Dialogue()
    client.ask(Option.STRUCTURED_REPLY)
    replies = client.ask(Option.LIST_META_CONTEXT, context("vault", *queries))
    assert [kind for _, kind, _ in replies] == [Rep.META_CONTEXT, Rep.ACK]
    assert replies[0][2] == bytes(4) + b"base:allocation"
    client.ask(Option.GO, go(""))
    assert not client.terms.block_status


@pytest.mark.parametrize("option", [Option.LIST_META_CONTEXT, Option.SET_META_CONTEXT])
def test_meta_contexts_need_structured_replies_and_the_export(option: Option) -> None:
    client = Dialogue()
    assert client.only(option, context("vault", "base:allocation")) == Rep.ERR_INVALID
    client.ask(Option.STRUCTURED_REPLY)
    assert client.only(option, context("other", "base:allocation")) == Rep.ERR_UNKNOWN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        string("vault"),
        struct.pack(">I", 6) + b"vault",
        struct.pack(">I", 0xFFFFFFFF) + b"vault",
        string("vault") + struct.pack(">HH", 2, 3),
        go("vault") + b"trailing",
        struct.pack(">I", 2) + b"\xff\xfe" + struct.pack(">H", 0),
        string("v" * 4097) + struct.pack(">H", 0),
    ],
)
@pytest.mark.parametrize("option", [Option.INFO, Option.GO])
def test_malformed_info_and_go(option: Option, data: bytes) -> None:
    client = Dialogue()
    assert client.only(option, data) == Rep.ERR_INVALID
    assert not client.server.ended
    assert client.ask(Option.GO, go("vault"))[-1][1] == Rep.ACK


@pytest.mark.parametrize(
    "data",
    [
        b"",
        string("vault"),
        string("vault") + struct.pack(">I", 1),
        string("vault") + struct.pack(">I", 0xFFFFFFFF) + string("base:allocation"),
        context("vault", "base:allocation") + b"x",
        string("vault") + struct.pack(">II", 1, 0xFFFFFFFF),
    ],
)
@pytest.mark.parametrize("option", [Option.LIST_META_CONTEXT, Option.SET_META_CONTEXT])
def test_malformed_meta_context(option: Option, data: bytes) -> None:
    client = Dialogue()
    client.ask(Option.STRUCTURED_REPLY)
    assert client.only(option, data) == Rep.ERR_INVALID


def test_violations_that_close() -> None:
    for flags in (4, 1 << 31, 0xFFFFFFFF):
        with pytest.raises(ProtocolError, match="client flags"):
            Dialogue(flags=flags)
    with pytest.raises(ProtocolError, match="option magic"):
        Dialogue().say(b"GET / HTTP/1.1\r\n")
    with pytest.raises(ProtocolError, match="no export named"):
        Dialogue().say(OPTION.pack(OPTION_MAGIC, Option.EXPORT_NAME, 4) + b"volt")
    with pytest.raises(ProtocolError, match="at most"):
        Dialogue().say(OPTION.pack(OPTION_MAGIC, Option.GO, MAX_OPTION + 1))


def test_an_option_of_the_longest_length_is_taken() -> None:
    assert Dialogue().only(99, bytes(MAX_OPTION)) == Rep.ERR_UNSUP
