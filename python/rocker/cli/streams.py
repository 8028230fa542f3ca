"""Attached runs: the caller's terminal or pipes joined to a container's."""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App
    from rocker.engine.session import Session
    from rocker.models.container import ExitEvent


def check_terminal(*, stdin: bool, tty: bool) -> None:
    """Refuse `-it` without a terminal, as Docker does. Raises InvalidArgumentError."""
    if stdin and tty and not os.isatty(0):
        raise NotTerminalError("the input device is not a TTY", hint="leave out -t, or use a terminal")


class NotTerminalError(InvalidArgumentError):
    """Standard input is no terminal. Exit code 1."""


def console_size() -> tuple[int, int] | None:
    """Height and width of the terminal, or None without one."""
    for descriptor in (1, 0, 2):
        try:
            width, height = os.get_terminal_size(descriptor)
        except OSError:
            continue
        return height, width
    return None


def proxy(app: App, session: Session, *, tty: bool, keys: bytes, sig_proxy: bool) -> ExitEvent:
    """Copy the streams until exit or detach.

    A terminal passes keys on as signals by itself, so none are forwarded.
    """
    app.flush()
    try:
        if app.mouthpiece is not None:
            return app.mouthpiece(session, tty=tty, keys=keys, sig_proxy=sig_proxy and not tty)
        return session.proxy(0, 1, 2, tty=tty, detach_keys=keys, sig_proxy=sig_proxy and not tty)
    finally:
        session.close()


def exit_code(app: App, event: ExitEvent) -> int:
    """The exit code of an attached run; 0 after detaching."""
    if event["event"] == "detached":
        app.err("read escape sequence")
        return 0
    if event.get("timed_out"):
        app.err("rocker: the container was ended because its time was over")
    return event["exit_code"]
