"""The driver `journald`."""

from __future__ import annotations

import os

from rocker.engine.logdrivers.address import unix
from rocker.engine.logdrivers.attributes import attributes
from rocker.errors import NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.logdrivers.identity import Identity

SOCKET = "/run/systemd/journal/socket"


def check(options: Mapping[str, str]) -> None:
    """Refuse wrong values: there are none but those of every driver."""
    _ = options


def remote(identity: Identity) -> dict[str, Any]:
    """Return the `log.remote` object.

    Raises:
        NotFoundError: there is no journal on this host.
    """
    if not os.path.exists(SOCKET):
        raise NotFoundError(
            "failed to initialize logging driver: journald is not enabled on this host",
            hint=f"{SOCKET} is not there; choose another --log-driver",
            path=SOCKET,
        )
    tag = identity.tag()
    fields = {
        "CONTAINER_ID": identity.id[:12],
        "CONTAINER_ID_FULL": identity.id,
        "CONTAINER_NAME": identity.name,
        "CONTAINER_TAG": tag,
        "IMAGE_NAME": identity.image_name,
        "SYSLOG_IDENTIFIER": tag,
        **attributes(identity.config, field_name),
    }
    fields.pop("", None)
    return {"form": {"journald": {"fields": fields}}, "name": "journald", **unix(SOCKET, datagrams=True)}


def field_name(name: str) -> str:
    """Return a name that the journal takes: capital letters, digits, and underscores but at its start."""
    letters = (letter.upper() if letter.isascii() and letter.isalnum() else "_" for letter in name)
    return "".join(letters).lstrip("_")
