"""`rocker wait`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def wait(app: App, values: Values, arguments: list[str]) -> int:
    """Wait for each container in turn and print its exit code."""

    def one(name: str) -> None:
        app.out(str(app.engine.containers.get(name).wait(condition=values["condition"])))

    return app.each(arguments, one, echo=False)


def _condition(text: str) -> str:
    from rocker.engine.wait import CONDITIONS

    if text not in CONDITIONS:
        raise InvalidArgumentError(f"must be one of {', '.join(CONDITIONS)}")
    return text


COMMAND = DockerCommand(
    "wait",
    wait,
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Block until one or more containers stop, then print their exit codes",
    aliases=["rocker container wait", "rocker wait"],
    flags=[
        Flag(
            "--condition",
            kind="string",
            parse=_condition,
            default="not-running",
            help="What to wait for (not-running|next-exit|removed|healthy)",
        )
    ],
    least=1,
)
