"""An image's configuration: what the engine takes its defaults from.

Shape: https://github.com/opencontainers/image-spec/blob/main/config.md, and Docker's additions
(Healthcheck, OnBuild, Shell, StopTimeout). Nothing in it is an instruction to the engine.
"""

from __future__ import annotations

from rocker.errors import CorruptError
from rocker.images.digest import digits, shown
from rocker.models.jsontext import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_LAYERS = 500
"""Overlay's limit of lower layers (OVL_MAX_STACK)."""


class ImageConfig:
    """An image's defaults, typed and checked.

    Attributes:
        entrypoint: or None.
        cmd: or None.
        env: `NAME=value` each.
        working_dir: "" when none is given.
        user: `name|uid[:group|gid]`, "" for root.
        stop_signal: name or number, "" when none is given.
        stop_timeout: seconds, or None.
        volumes: paths in the container.
        labels: by name.
        exposed_ports: `80/tcp` each.
        healthcheck: Docker's object, or None.
        shell: of RUN and of the shell forms, or None.
        on_build: instructions for later builds.
        architecture: in Go's words: amd64, arm64.
        os: `linux`.
        variant: of the architecture, or "".
        author: or "".
        created: RFC 3339, or "".
        diff_ids: the layers, lowest first.
        document: the whole configuration, as it came.
    """

    __slots__ = (
        "architecture",
        "author",
        "cmd",
        "created",
        "diff_ids",
        "document",
        "entrypoint",
        "env",
        "exposed_ports",
        "healthcheck",
        "labels",
        "on_build",
        "os",
        "shell",
        "stop_signal",
        "stop_timeout",
        "user",
        "variant",
        "volumes",
        "working_dir",
    )

    def __init__(self, document: dict[str, Any]) -> None:
        config = _object(document, "config")
        self.document = document
        self.entrypoint = _strings(config, "Entrypoint")
        self.cmd = _strings(config, "Cmd")
        self.env = _strings(config, "Env") or []
        self.working_dir = _string(config, "WorkingDir")
        self.user = _string(config, "User")
        self.stop_signal = _string(config, "StopSignal")
        self.stop_timeout = _integer(config, "StopTimeout")
        self.volumes = list(_object(config, "Volumes"))
        self.exposed_ports = list(_object(config, "ExposedPorts"))
        self.labels = _labels(config)
        self.healthcheck = _object(config, "Healthcheck") or None
        self.shell = _strings(config, "Shell")
        self.on_build = _strings(config, "OnBuild") or []
        self.architecture = _string(document, "architecture")
        self.os = _string(document, "os")
        self.variant = _string(document, "variant")
        self.author = _string(document, "author")
        self.created = _string(document, "created")
        self.diff_ids = _strings(_object(document, "rootfs"), "diff_ids") or []
        for diff_id in self.diff_ids:
            digits(diff_id, "layer")
        if len(self.diff_ids) > MAX_LAYERS:
            raise CorruptError(
                f"the image has {len(self.diff_ids)} layers, at most {MAX_LAYERS} can be mounted"
            )

    @classmethod
    def from_json(cls, text: str | bytes) -> ImageConfig:
        """Read a configuration.

        Raises:
            CorruptError: it is no JSON object, or a member has the wrong type.
        """
        return cls(parse_object(text, "image configuration"))


def parse_object(text: str | bytes, what: str) -> dict[str, Any]:
    """A JSON object from outside.

    Raises:
        CorruptError: it is something else, or nested too deep; `what` says in the message what it was to be.
    """
    found = parse_json(text, what)
    if not isinstance(found, dict):
        raise CorruptError(f"{what}: expected an object, found {shown(found)}")
    return found


def parse_json(text: str | bytes, what: str) -> Any:
    """JSON from outside; raises CorruptError when it is none."""
    try:
        return decode(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{what}: {error}") from error


def _wrong(key: str, expected: str, value: object) -> CorruptError:
    return CorruptError(f"image configuration: {key} must be {expected}, found {shown(value)}")


def _object(holder: dict[str, Any], key: str) -> dict[str, Any]:
    value = holder.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong(key, "an object", value)
    return value


def _string(holder: dict[str, Any], key: str) -> str:
    value = holder.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(key, "a string", value)
    return value


def _integer(holder: dict[str, Any], key: str) -> int | None:
    value = holder.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise _wrong(key, "a whole number", value)
    return value


def _strings(holder: dict[str, Any], key: str) -> list[str] | None:
    value = holder.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(key, "a list of strings", value)
    return value


def _labels(config: dict[str, Any]) -> dict[str, str]:
    labels = _object(config, "Labels")
    if not all(isinstance(value, str) for value in labels.values()):
        raise _wrong("Labels", "an object of strings", labels)
    return labels
