"""What a log driver knows of its container (daemon/logger/loginfo.go), and the `tag` template."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.catalog import ContainerRow
    from rocker.engine.config import ContainerConfig

DEFAULT_TAG = "{{.ID}}"
_SHORT = 12


class Identity:
    """A container as its log driver sees it.

    Attributes:
        id, name, image_id: the whole id, the name without slash, `sha256:<hex>` or empty.
        config: what it was made from.
        created_ns: nanoseconds since the epoch.
    """

    __slots__ = ("config", "created_ns", "id", "image_id", "name")

    def __init__(self, row: ContainerRow, config: ContainerConfig) -> None:
        self.id = row.id
        self.name = row.name
        self.image_id = row.image_id
        self.config = config
        self.created_ns = row.created_ns

    @property
    def options(self) -> Mapping[str, str]:
        """The log options."""
        return self.config.options.log_opts

    @property
    def command(self) -> str:
        """Program and arguments."""
        return " ".join(self.config.args)

    @property
    def image_name(self) -> str:
        """The image as it was named."""
        return self.config.options.image or self.config.options.rootfs or ""

    def tag(self, default: str = DEFAULT_TAG) -> str:
        """Return the tag that the option's template gives.

        Raises:
            InvalidArgumentError: the template is wrong.
        """
        return _render(self.options.get("tag") or default, self._fields())

    def _fields(self) -> dict[str, Any]:
        import os

        entrypoint, *rest = self.config.args or ("",)
        return {
            "ID": self.id[:_SHORT],
            "FullID": self.id,
            "Name": self.name,
            "Command": self.command,
            "ImageID": self.image_id.removeprefix("sha256:")[:_SHORT],
            "ImageFullID": self.image_id,
            "ImageName": self.image_name,
            "Hostname": os.uname().nodename,
            "DaemonName": "rocker",
            "Config": dict(self.options),
            "ContainerID": self.id,
            "ContainerName": f"/{self.name}",
            "ContainerEntrypoint": entrypoint,
            "ContainerArgs": list(rest),
            "ContainerImageID": self.image_id,
            "ContainerImageName": self.image_name,
            "ContainerEnv": list(self.config.env),
            "ContainerLabels": dict(self.config.labels),
            "LogPath": "",
        }


def check_tag(template: str) -> None:
    """Refuse what is no template.

    Raises:
        InvalidArgumentError: so it is.
    """
    if "{{" not in template:
        return
    from rocker.formatting.template import Template, TemplateError

    try:
        Template(template)
    except TemplateError as error:
        raise InvalidArgumentError(f"log opt 'tag': {error.message}") from error


def _render(template: str, fields: dict[str, Any]) -> str:
    if "{{" not in template:
        return template
    plain = template.removeprefix("{{.").removesuffix("}}")
    if isinstance(fields.get(plain), str) and template == "{{." + plain + "}}":
        return str(fields[plain])
    from rocker.formatting.template import Template, TemplateError
    from rocker.formatting.template.values import Fields, Texts

    shown = {name: Texts(value) if isinstance(value, dict) else value for name, value in fields.items()}
    try:
        return Template(template).render(Fields(shown))
    except TemplateError as error:
        raise InvalidArgumentError(f"log opt 'tag': {error.message}") from error
