"""The question before something goes that does not come back."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def confirm(app: App, warning: str) -> bool:
    """Ask on standard output, and read the answer from standard input; anything but y is no."""
    sys.stdout.write(f"{warning}\nAre you sure you want to continue? [y/N] ")
    app.flush()
    return sys.stdin.readline().strip().lower() == "y"
