"""`python -m mirrortui.engine SOCKET`: an engine in the background; one line on stdout says that it answers."""

from __future__ import annotations

import os
import sys

from mirrortui import log
from mirrortui.api.paths import resolve
from mirrortui.engine.server import serve
from mirrortui.errors import MirrortuiError


def main() -> int:
    """Exit code 0 after a clean end; else the error is the last line of stderr."""
    os.chdir("/")
    log.to_stderr()
    socket = sys.argv[1] if len(sys.argv) > 1 else None

    def ready() -> None:
        os.write(sys.stdout.fileno(), b"ready\n")
        os.dup2(
            sys.stdin.fileno(), sys.stdout.fileno()
        )  # /dev/null; whoever waited for the line sees its end

    try:
        serve(resolve(socket), ready)
    except MirrortuiError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
