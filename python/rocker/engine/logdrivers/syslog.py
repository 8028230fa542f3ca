"""The driver `syslog`."""

from __future__ import annotations

import os
import stat

from rocker.engine.logdrivers.address import Address, check_there, internet, unix
from rocker.errors import InvalidArgumentError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.logdrivers.identity import Identity

_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
    None, None, None, None, "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
_TLS = "syslog-tls"
_DAEMON = 3
_PORT = 514
_FORMATS = ("unix", "rfc3164", "rfc5424", "rfc5424micro")
_HERE = ("/dev/log", "/var/run/syslog", "/var/run/log")
"""Where the server of this host listens."""


def check(options: Mapping[str, str]) -> None:
    """Refuse wrong values.

    Raises:
        InvalidArgumentError: so they are. NotFoundError: there is no such socket.
    """
    text = options.get("syslog-address", "")
    if text:
        address = Address(text)
        if address.scheme in {"unix", "unixgram"}:
            check_there(address.path)
        elif address.scheme == "tcp+tls":
            from rocker.engine.logdrivers.tls import check as check_tls

            check_tls(options, _TLS)
        elif address.scheme not in {"udp", "tcp"}:
            raise InvalidArgumentError(
                f"unsupported scheme: '{address.scheme}'",
                hint="write udp://, tcp://, tcp+tls://, unix:// or unixgram://",
            )
    _facility(options.get("syslog-facility", ""))
    _format(options.get("syslog-format", ""))


def _facility(text: str) -> int:
    if not text:
        return _DAEMON
    if text in _FACILITIES:
        return _FACILITIES.index(text)
    if text.isdecimal() and int(text) < len(_FACILITIES):
        return int(text)
    names = ", ".join(name for name in _FACILITIES if name)
    raise InvalidArgumentError("invalid syslog facility", hint=f"a number from 0 to 23, or one of {names}")


def _format(text: str) -> str:
    if text and text not in _FORMATS[1:]:
        raise InvalidArgumentError("Invalid syslog format", hint="one of " + ", ".join(_FORMATS[1:]))
    return text or "unix"


def remote(identity: Identity) -> dict[str, Any]:
    """Return the `log.remote` object."""
    import time

    options = identity.options
    form: dict[str, Any] = {
        "facility": _facility(options.get("syslog-facility", "")) << 3,
        "format": _format(options.get("syslog-format", "")),
        "tag": identity.tag(),
        "utc_offset": time.localtime().tm_gmtoff,
    }
    text = options.get("syslog-address", "")
    if not text:
        form["hostname"] = "localhost"
        return {"form": {"syslog": form}, **_here(), "name": "syslog"}
    address = Address(text)
    found: dict[str, Any] = {"form": {"syslog": form}, "name": text}
    if address.scheme in {"unix", "unixgram"}:
        return found | unix(address.path, datagrams=address.scheme == "unixgram")
    port = _PORT if address.port is None else address.port
    if address.scheme == "tcp+tls":
        from rocker.engine.logdrivers.tls import document as tls

        # As Docker's: only these two formats have their length before them (RFC 5425).
        form["counted"] = form["format"].startswith("rfc5424")
        found["tls"] = tls(address.host or "localhost", options, _TLS)
        return found | {"address": internet("tcp", address.host, port)}
    return found | {"address": internet(address.scheme, address.host, port)}


def _here() -> dict[str, Any]:
    """The socket of this host's server, which is of datagrams nearly everywhere: `connect(2)` says of which kind."""
    import socket

    for kind, datagrams in ((socket.SOCK_DGRAM, True), (socket.SOCK_STREAM, False)):
        for path in _HERE:
            if not os.path.exists(path) or not stat.S_ISSOCK(os.stat(path).st_mode):
                continue
            with socket.socket(socket.AF_UNIX, kind) as trial:
                if trial.connect_ex(path) == 0:
                    return unix(path, datagrams=datagrams)
    raise NotFoundError(
        "failed to initialize logging driver: Unix syslog delivery error",
        hint=f"no syslog server listens at {', '.join(_HERE)}; name one with --log-opt syslog-address=…",
    )
