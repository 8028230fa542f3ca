"""What is kept of a container in the catalogue: its options, merged with its image's configuration."""

from __future__ import annotations

from rocker.engine.options import (
    Attachment,
    Bind,
    Device,
    DeviceRequest,
    HealthCheck,
    ImageMount,
    Port,
    RunOptions,
    Tmpfs,
    Ulimit,
    VolumeMount,
)
from rocker.models.jsontext import decode, encode
from rocker.models.struct import Struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rocker.engine.options import AnyMount

_RECORDS = {
    "Attachment": Attachment,
    "Bind": Bind,
    "Device": Device,
    "DeviceRequest": DeviceRequest,
    "ImageMount": ImageMount,
    "Port": Port,
    "Tmpfs": Tmpfs,
    "Ulimit": Ulimit,
    "VolumeMount": VolumeMount,
}
_RECORD_FIELDS = ("mounts", "devices", "device_requests", "ulimits", "networks", "ports")


class ContainerConfig(Struct):
    """A container as it was meant, complete enough to start it when its image's tag is gone.

    Attributes:
        options: what the user said.
        args: entrypoint and command, merged; the first is the program.
        entrypoint: the merged entrypoint, for `inspect`.
        cmd: the merged command, for `inspect`.
        env: the user's and the image's variables, as `NAME=value`.
        workdir: absolute; empty means `/`.
        user: as the user or the image named it; empty means root.
        labels: the image's and the user's.
        stop_signal: number.
        layers: diffIDs, lowest first; empty with `rootfs`.
        volumes: the image's VOLUMEs.
        mounts: the mounts of the options and those of the image and of `volumes_from`, every volume by its name; None
            when they are just those of the options.
        userns: `auto[:size=N]`, `private` or `container:ID`; empty: the host's user namespace.
        exposed_ports: the image's, the published and the exposed ones: `80/tcp`.
        healthcheck: the user's, completed by the image's; None: there is none.
        shell: the image's, for a health check; `/bin/sh -c` when empty.
        creator: pid and start time of the process whose `run` made it: an `--rm` container that was never started
            goes with it.
    """

    options: RunOptions
    args: Sequence[str]
    entrypoint: Sequence[str] | None = None
    cmd: Sequence[str] = ()
    env: Sequence[str] = ()
    workdir: str = ""
    user: str = ""
    labels: Mapping[str, str] = {}
    stop_signal: int = 15
    layers: Sequence[str] = ()
    volumes: Sequence[str] = ()
    exposed_ports: Sequence[str] = ()
    healthcheck: HealthCheck | None = None
    shell: Sequence[str] = ()
    creator: str | None = None
    mounts: Sequence[AnyMount] | None = None
    userns: str = ""

    @property
    def all_mounts(self) -> Sequence[AnyMount]:
        """What is mounted in the container beside what every container has."""
        return self.options.mounts if self.mounts is None else self.mounts

    def encode(self) -> str:
        """Write it as JSON; what has its default is left out."""
        return encode(_said(self))

    @staticmethod
    def decode(text: str) -> ContainerConfig:
        """Read what `encode` wrote."""
        members: dict[str, Any] = decode(text)
        options: dict[str, Any] = members.pop("options")
        for field in _RECORD_FIELDS:
            if field in options:
                options[field] = tuple(_record(document) for document in options[field])
        if "mounts" in members:
            members["mounts"] = tuple(_record(document) for document in members["mounts"])
        for record in (options, members):
            if "healthcheck" in record:
                record["healthcheck"] = HealthCheck(**record["healthcheck"])
        return ContainerConfig(options=RunOptions(**options), **members)


def _said(record: Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, default in record._defaults.items():  # noqa: SLF001 -- our own record
        value = getattr(record, field)
        if value is default or value == default:
            continue
        if isinstance(value, Struct):
            value = _said(value)
        elif field in _RECORD_FIELDS:
            value = [{"kind": type(item).__name__, **_said(item)} for item in value]
        found[field] = value
    return found


def _record(document: dict[str, Any]) -> Any:
    kind = _RECORDS[document.pop("kind")]
    return kind(**document)
