"""`rocker manifest annotate`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


_MEMBERS = {"arch": "architecture", "os": "os", "os_version": "os.version", "variant": "variant"}


def annotate(app: App, values: Values, arguments: list[str]) -> int:
    """Say for which platform a manifest of a list is."""
    changes = {member: values[flag] for flag, member in _MEMBERS.items() if values[flag] is not None}
    features = [one for text in values["os_features"] for one in text.split(",")]
    if features:
        changes["os.features"] = features
    app.engine.images.manifests().annotate(arguments[0], arguments[1], changes)
    return 0


COMMAND = DockerCommand(
    "annotate",
    annotate,
    usage="[OPTIONS] MANIFEST_LIST MANIFEST",
    summary="Add additional information to a local image manifest",
    flags=[
        Flag("--arch", kind="string", help="Set architecture"),
        Flag("--os", kind="string", help="Set operating system"),
        Flag("--os-features", kind="strings", many=True, help="Set operating system feature"),
        Flag("--os-version", kind="string", help="Set operating system version"),
        Flag("--variant", kind="string", help="Set architecture variant"),
    ],
    least=2,
    most=2,
)
