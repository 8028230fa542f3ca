"""`--device HOST[:CONTAINER][:PERMISSIONS]`, and the names of CDI devices."""

from __future__ import annotations

from rocker.engine.options import Device, DeviceRequest
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_FIELDS = 3


def parse_device(text: str) -> Device:
    """`/dev/fuse`, `/dev/sda:/dev/xvda`, `/dev/sda:r`, `/dev/sda:/dev/xvda:rwm`.

    Raises InvalidArgumentError.
    """
    fields = text.split(":")
    if len(fields) > _MOST_FIELDS or not fields[0]:
        raise InvalidArgumentError(f"bad format for path: {text}")
    if not fields[0].startswith("/"):
        raise InvalidArgumentError(f"{fields[0]} is not an absolute path")
    if len(fields) == _MOST_FIELDS:
        if not is_mode(fields[2]):
            raise InvalidArgumentError(f"bad mode specified: {fields[2]}")
        source, target, permissions = fields
        target = target or source
    elif len(fields) == 1:
        source, target, permissions = text, text, "rwm"
    elif is_mode(fields[1]):
        source, target, permissions = fields[0], fields[0], fields[1]
    else:
        source, target, permissions = fields[0], fields[1] or fields[0], "rwm"
    if not target.startswith("/"):
        raise InvalidArgumentError(f"{target} is not an absolute path")
    return Device(source, target, permissions)


def parse_device_or_name(text: str) -> Device | str:
    """A device node of the host, or the name of a CDI device (`vendor.com/class=name`) as it is.

    Raises InvalidArgumentError.
    """
    return text if _is_name(text) else parse_device(text)


def _is_name(text: str) -> bool:
    if text.startswith("/") or "=" not in text:
        return False
    from rocker.cdi.names import is_qualified

    return is_qualified(text)


def request_of(devices: Iterable[Device | str]) -> tuple[list[Device | str], list[DeviceRequest]]:
    """Part CDI names from the others, and return them as one request, as Docker's command does."""
    nodes: list[Device | str] = []
    names: list[str] = []
    for device in devices:
        if isinstance(device, str) and _is_name(device):
            names.append(device)
        else:
            nodes.append(device)
    return nodes, [DeviceRequest("cdi", device_ids=names)] if names else []


def is_mode(text: str) -> bool:
    """Tell whether a text names permissions: some of `r`, `w` and `m`, each once."""
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)
