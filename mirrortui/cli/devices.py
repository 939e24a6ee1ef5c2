"""`devices`: what could be a member, and why the rest cannot."""

from __future__ import annotations

import rich_click as click

from mirrortui.api.answers import DeviceInfo
from mirrortui.cli.session import Session, engine_options, print_json
from mirrortui.cli.text import table
from mirrortui.units import format_size


@click.command()
@engine_options
@click.pass_obj
def devices(session: Session, as_json: bool) -> None:
    """List the block devices of this machine, what they hold, and why they cannot be members."""
    found = session.engine().devices()
    if as_json:
        print_json(found)
        return
    rows = [("device", "size", "model", "serial", "°C", "holds", "member?")]
    rows += [
        (
            device.path,
            format_size(device.size),
            device.model or "-",
            device.serial or "-",
            _warmth(device),
            device.holds or "-",
            "; ".join([device.why_not or click.style("yes", fg="green"), *_failing(device)]),
        )
        for device in found
    ]
    click.echo("\n".join(table(rows, right=(1, 4))))


def _failing(device: DeviceInfo) -> list[str]:
    """Known likewise, where smartctl may ask."""
    return [
        click.style(f"it says that it is failing: {drive.health}", fg="yellow")
        for drive in device.drives or ()
        if drive.failing
    ]


def _warmth(device: DeviceInfo) -> str:
    """Known once the engine has asked the disk: a moment after the devices were listed first."""
    known = [str(drive.temperature) for drive in device.drives or () if drive.temperature is not None]
    return ", ".join(known) or "-"
