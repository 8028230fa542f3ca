"""`rocker inspect`: everything known about containers and images, as JSON or through a template."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, UsageError, Values
from rocker.cli.flags import Flag
from rocker.errors import NotFoundError, RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from rocker.cli.app import App

    Finder = Callable[[App, str, bool], Any]

_MAPS = frozenset(
    [
        "Annotations",
        "AuxiliaryAddresses",
        "Containers",
        "Options",
        "ExposedPorts",
        "Labels",
        "Networks",
        "PortBindings",
        "Ports",
        "StorageOpt",
        "Sysctls",
        "Tmpfs",
        "Options",
        "Volumes",
    ]
)
"""Names of members that are maps, where a missing key is no error; all other objects have fixed fields."""
_MAPS_BELOW = frozenset({("LogConfig", "Config"), ("GraphDriver", "Data")})


def find_container(app: App, name: str, size: bool) -> Any:
    """A container's document. Raises ContainerNotFoundError."""
    return app.engine.containers.get(name).inspect(size=size)


def find_image(app: App, name: str, _size: bool) -> Any:
    """An image's document. Raises ImageNotFoundError."""
    return app.engine.images.inspect(name)


def find_network(app: App, name: str, _size: bool) -> Any:
    """A network's document. Raises NetworkNotFoundError."""
    return app.engine.networks.get(name).inspect()


def find_volume(app: App, name: str, _size: bool) -> Any:
    """A volume's document. Raises VolumeNotFoundError."""
    return app.engine.volumes.get(name).inspect()


FINDERS: dict[str, Finder] = {
    "container": find_container, "image": find_image, "network": find_network, "volume": find_volume,
}  # fmt: skip


def inspect(app: App, values: Values, arguments: list[str]) -> int:
    """Show objects of any type; the first type that has the name wins."""
    chosen = values["type"]
    if chosen and chosen not in FINDERS:
        raise UsageError(
            f'unknown type: "{chosen}": must be one of "container", "image", "network", "volume"'
        )
    finders = [FINDERS[chosen]] if chosen else list(FINDERS.values())
    return show(app, values, arguments, finders, "object")


def show(
    app: App, values: Values, names: Sequence[str], finders: Sequence[Finder], kind: str, *, missing: str = ""
) -> int:
    """Print what the names stand for, then an error for the first that stands for nothing.

    `missing` is that error, with `{}` for the name; by default Docker's for `kind`.
    """
    form = values["format"]
    template = None
    if form and form != "json":
        from rocker.formatting.template import Template

        template = Template(form)
    found: list[Any] = []
    errors: list[str] = []
    for name in names:
        try:
            found.append(_find(app, name, finders, size=values.get("size", False)))
            if values.get("size") and "SizeRootFs" not in found[-1]:
                app.err(f"WARNING: --size ignored for {_kind(found[-1])}")
        except NotFoundError:
            errors.append(missing.format(name) if missing else f"Error: No such {kind}: {name}")
    if template is not None:
        for document in found:
            app.out(template.render(as_fields(document)))
    elif form == "json":
        from rocker.formatting.template.functions import to_json

        for document in found:
            app.out(to_json(document))
    else:
        import json

        app.out(json.dumps(found, indent=4, ensure_ascii=False))
    app.flush()
    for error in errors:
        app.err(error)
    return 1 if errors else 0


def _kind(document: Any) -> str:
    """What a document without sizes is of, by a member that only such have."""
    return "image" if "RootFS" in document else "network" if "IPAM" in document else "volume"


def _find(app: App, name: str, finders: Sequence[Finder], *, size: bool) -> Any:
    error: RockerError | None = None
    for finder in finders:
        try:
            return finder(app, name, size)
        except NotFoundError as missing:
            error = missing
        except RockerError:
            # A name that one type of object refuses may be that of another: `a_b` is no image.
            if finder is finders[-1] and error is None:
                raise
    raise error if error is not None else NotFoundError(f"No such object: {name}")


def as_fields(value: Any, name: str = "", parent: str = "") -> Any:
    """The document as templates see it: objects with fixed fields apart from maps."""
    from rocker.formatting.template.values import Fields, Texts

    if isinstance(value, dict):
        inner = {key: as_fields(item, key, name) for key, item in value.items()}
        if name not in _MAPS and (parent, name) not in _MAPS_BELOW:
            return Fields(inner)
        return Texts(inner) if all(isinstance(item, str) for item in inner.values()) else inner
    if isinstance(value, list):
        return [as_fields(item) for item in value]
    return value


def inspect_flags() -> list[Flag]:
    """The flags of every `inspect`."""
    return [
        Flag("-f", "--format", kind="string", default="",
             help="Format output using a custom template: 'json' or 'TEMPLATE', a Go template"),
        Flag("-s", "--size", help="Display total file sizes if the type is container"),
    ]  # fmt: skip


COMMAND = DockerCommand(
    "inspect",
    inspect,
    usage="[OPTIONS] NAME|ID [NAME|ID...]",
    summary="Return low-level information on rocker objects",
    flags=[*inspect_flags(), Flag("--type", kind="string", help="Only inspect objects of the given type")],
    least=1,
)
