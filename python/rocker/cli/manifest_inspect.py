"""`rocker manifest inspect`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def inspect(app: App, values: Values, arguments: list[str]) -> int:
    """Show a manifest or a list: of a registry, or in the making."""
    import json

    lists = app.engine.images.manifests(insecure=values["insecure"])
    name, within = arguments[-1], arguments[0] if len(arguments) > 1 else None
    if values["verbose"]:
        shown = [entry.verbose() for entry in lists.entries(name, within)]
        app.out(json.dumps(shown if len(shown) > 1 else shown[0], indent="\t"))
        return 0
    if within is not None:
        data, is_list = lists.entries(name, within)[0].data, False
    else:
        data, is_list = lists.inspect(name)
    app.out(json.dumps(json.loads(data), indent=3 if is_list else "\t"))
    return 0


COMMAND = DockerCommand(
    "inspect",
    inspect,
    usage="[OPTIONS] [MANIFEST_LIST] MANIFEST",
    summary="Display an image manifest, or manifest list",
    flags=[
        Flag("--insecure", help="Allow communication with an insecure registry"),
        Flag("-v", "--verbose", help="Output additional info including layers and platform"),
    ],
    least=1,
    most=2,
)
