"""`rocker port`: where a container's ports are published."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.ps import host_of
from rocker.errors import InvalidArgumentError
from rocker.parse.number import parse_int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def port(app: App, _values: Values, arguments: list[str]) -> int:
    """List all of them, or those of one port."""
    ports = app.engine.containers.get(arguments[0]).ports
    if len(arguments) == 1:
        for key, bindings in ports.items():
            for found in bindings or ():
                app.out(f"{key} -> {host_of(found['HostIp'])}:{found['HostPort']}")
        return 0
    wanted = arguments[1]
    number, _, protocol = wanted.partition("/")
    try:
        parse_int(number, base=10, bits=16, signed=False)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"invalid port ({number}): {error}", hint="write 80 or 53/udp") from None
    bindings = ports.get(f"{number}/{protocol or 'tcp'}")
    if not bindings:
        raise InvalidArgumentError(f"No public port '{wanted}' published for {arguments[0]}")
    for found in bindings:
        app.out(f"{host_of(found['HostIp'])}:{found['HostPort']}")
    return 0


COMMAND = DockerCommand(
    "port",
    port,
    usage="CONTAINER [PRIVATE_PORT[/PROTO]]",
    summary="List port mappings or a specific mapping for the container",
    aliases=["rocker container port", "rocker port"],
    least=1,
    most=2,
)
