"""`set`, `grow`, `readonly`, `readwrite`, `rename`: what is settled for a mirror while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import rich_click as click
from msgspec.structs import replace

from mirrortui.api.answers import Plan
from mirrortui.api.client import EngineClient
from mirrortui.api.mirrors import Mirror
from mirrortui.api.requests import AccessRequest, BitmapRequest, GrowRequest, RenameRequest, SetRequest
from mirrortui.api.vocabulary import MOST_BEHIND, MemberFlag
from mirrortui.cli.confirm import confirmed, print_plan
from mirrortui.cli.session import Session, absolute, engine_options, name_argument, print_json, to_bytes
from mirrortui.cli.text import summary
from mirrortui.errors import RequestError

_LEAST_CHUNK = 4096
_yes_option = click.option("--yes", is_flag=True, help="Go ahead with what wants a confirmation.")
_plan_option = click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")


@click.command("set")
@name_argument
@click.argument(
    "words",
    nargs=-1,
    required=True,
    metavar="MEMBER write-mostly|failfast on|off  or  bitmap none|internal  or  write-behind N",
)
@click.option(
    "--bitmap-chunk",
    metavar="SIZE",
    callback=to_bytes,
    help="Bytes that a bit of the write-intent bitmap stands for.",
)
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def set_flag(
    session: Session,
    name: str,
    words: tuple[str, ...],
    bitmap_chunk: int | None,
    yes: bool,
    plan: bool,
    as_json: bool,
) -> int:
    """Set or clear a flag of a member, or give a mirror a write-intent bitmap or take it away; superblocks keep it.

    write-mostly: read from it only where no other member can serve. failfast: for the kernel, which then does not
    retry on it. A bitmap with another chunk is set by its --bitmap-chunk. write-behind: by how many writes write-mostly
    members may lag, 0 to 16383; a flush waits for them all the same.
    """
    if len(words) == 2 and words[0] == "write-behind":
        return _set_bitmap(session.engine(), name, _behind_request(words[1]), yes, plan, as_json)
    if len(words) == 2 and words[0] == "bitmap":
        request = _bitmap_request(words[1], bitmap_chunk)
        return _set_bitmap(session.engine(), name, request, yes, plan, as_json)
    if len(words) != 3 or bitmap_chunk:
        raise RequestError(
            "set wants MEMBER, a flag, and on or off; or bitmap, and none or internal; or write-behind, and a number.",
            hint='"mirrortui set --help" shows how it is meant.',
        )
    member, flag, value = words
    wanted = SetRequest(member=absolute(member), flag=_flag(flag), on=_is_on(value))
    client = session.engine()
    return _run(
        lambda: client.plan_set_flag(name, wanted),
        lambda sure, events: client.set_flag(name, replace(wanted, yes=sure, events=events)),
        yes,
        plan,
        as_json,
    )


def _bitmap_request(kind: str, chunk: int | None) -> BitmapRequest:
    if chunk is not None and chunk < _LEAST_CHUNK:
        raise RequestError(f"A bitmap chunk of {chunk} bytes cannot be used: the least is {_LEAST_CHUNK}.")
    return BitmapRequest(bitmap=_kind(kind), chunk=chunk)


def _behind_request(count: str) -> BitmapRequest:
    if not count.isdecimal() or int(count) > MOST_BEHIND:
        raise RequestError(f"write-behind wants a number of writes, 0 to {MOST_BEHIND}, not {count!r}.")
    return BitmapRequest(bitmap="internal", write_behind=int(count))


def _set_bitmap(
    client: EngineClient, name: str, request: BitmapRequest, yes: bool, plan: bool, as_json: bool
) -> int:
    return _run(
        lambda: client.plan_set_bitmap(name, request),
        lambda sure, events: client.set_bitmap(name, replace(request, yes=sure, events=events)),
        yes,
        plan,
        as_json,
    )


def _kind(word: str) -> Literal["none", "internal"]:
    match word:
        case "none" | "internal":
            return word
        case _:
            raise RequestError(f"A bitmap is none or internal, not {word!r}.")


def _flag(word: str) -> MemberFlag:
    match word:
        case "write-mostly" | "failfast":
            return word
        case _:
            raise RequestError(f"There is no flag {word!r}.", hint="Use write-mostly or failfast.")


def _is_on(word: str) -> bool:
    if word not in ("on", "off"):
        raise RequestError(f"A flag is on or off, not {word!r}.")
    return word == "on"


def _to_size(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    return value if value == "max" else to_bytes(ctx, parameter, value)


@click.command()
@name_argument
@click.option("--members", metavar="N", type=int, help="How many it is to have.")
@click.option(
    "--size",
    metavar="max|SIZE",
    callback=_to_size,
    help="How large it is to be; max: all that its members have room for.",
)
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def grow(
    session: Session,
    name: str,
    members: int | None,
    size: int | Literal["max"] | None,
    yes: bool,
    plan: bool,
    as_json: bool,
) -> int:
    """Have more members, which spares or newcomers fill, or fewer, once those that are to go are out; or be larger.

    What is new of a larger mirror is resynced, and can be used at once. A client sees it when it connects again; what
    is inside is enlarged by its own tool, such as resize2fs.
    """
    if (members is None) == (size is None):
        raise RequestError("grow wants --members or --size.", hint="Such as: grow NAME --size max")
    request = GrowRequest(members=members, size=size)
    client = session.engine()
    return _run(
        lambda: client.plan_grow(name, request),
        lambda sure, events: client.grow(name, replace(request, yes=sure, events=events)),
        yes,
        plan,
        as_json,
    )


def _access(verb: str, text: str) -> click.Command:
    @click.command(verb, help=text)
    @name_argument
    @_yes_option
    @_plan_option
    @engine_options
    @click.pass_obj
    def run(session: Session, name: str, yes: bool, plan: bool, as_json: bool) -> int:
        request = AccessRequest(readonly=verb == "readonly")
        client = session.engine()
        return _run(
            lambda: client.plan_set_access(name, request),
            lambda sure, events: client.set_access(name, replace(request, yes=sure, events=events)),
            yes,
            plan,
            as_json,
        )

    return run


readonly = _access(
    "readonly", "Refuse writes from now on, and copy nothing; its members are flushed and marked clean."
)
readwrite = _access("readwrite", "Take writes again, and go on with what was to be copied.")


@click.command()
@name_argument
@click.argument("new")
@_yes_option
@_plan_option
@engine_options
@click.pass_obj
def rename(session: Session, name: str, new: str, yes: bool, plan: bool, as_json: bool) -> int:
    """Give a mirror another name, here and in its superblocks, and print the NBD URI it is served at then.

    Clients that are connected stay; its old address is gone.
    """
    request = RenameRequest(name=new)
    client = session.engine()

    def act(sure: bool, events: int | None) -> Mirror:
        mirror = client.rename(name, replace(request, yes=sure, events=events))
        if not as_json:
            click.echo(mirror.uri)
        return mirror

    return _run(lambda: client.plan_rename(name, request), act, yes, plan, as_json)


def _run(
    ask: Callable[[], Plan], act: Callable[[bool, int | None], Mirror], yes: bool, plan: bool, as_json: bool
) -> int:
    if plan:
        return print_plan(ask(), as_json)
    mirror = confirmed(act, yes)
    if as_json:
        print_json(mirror)
    else:
        click.echo(summary(mirror), err=True)
    return 0
