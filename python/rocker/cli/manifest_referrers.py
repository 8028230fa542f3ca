"""`rocker manifest referrers`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def referrers(app: App, values: Values, arguments: list[str]) -> int:
    """Show the index of what refers to a manifest."""
    import json

    data = app.engine.images.manifests(insecure=values["insecure"]).referrers(arguments[0])
    app.out(json.dumps(json.loads(data), indent=3))
    return 0


COMMAND = DockerCommand(
    "referrers",
    referrers,
    usage="[OPTIONS] MANIFEST",
    summary="Display what refers to a manifest: signatures, attestations, lists of materials",
    flags=[
        Flag("--insecure", help="Allow communication with an insecure registry"),
    ],
    least=1,
    most=1,
)
