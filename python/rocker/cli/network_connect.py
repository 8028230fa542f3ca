"""`rocker network connect`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.cli.network_flags import late
from rocker.errors import UnsupportedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def connect(app: App, values: Values, arguments: list[str]) -> int:
    """Connect a container to a network."""
    if values["link_local_ip"]:
        raise UnsupportedError(
            "link-local addresses of endpoints are not offered", hint="leave --link-local-ip out"
        )
    container = app.engine.containers.get(arguments[1])
    app.engine.networks.get(arguments[0]).connect(
        container,
        aliases=values["alias"],
        ip=values["ip"],
        ip6=values["ip6"],
        links=values["link"],
        driver_opts=dict(values["driver_opt"]),
        gw_priority=values["gw_priority"],
    )
    return 0


def _link(text: str) -> str:
    late("link", "parse_link")(text)
    return text


COMMAND = DockerCommand(
    "connect",
    connect,
    usage="[OPTIONS] NETWORK CONTAINER",
    summary="Connect a container to a network",
    flags=[
        Flag("--alias", kind="strings", many=True, help="Add network-scoped alias for the container"),
        Flag("--driver-opt", kind="strings", parse=late("network", "parse_driver_option"), many=True,
             help="driver options for the network"),
        Flag("--gw-priority", kind="int", parse=late("network", "parse_priority"), default=0,
             help="Highest gw-priority provides the default gateway. Accepts positive and negative values."),
        Flag("--ip", kind="string", help='IPv4 address (e.g., "172.30.100.104")'),
        Flag("--ip6", kind="string", help='IPv6 address (e.g., "2001:db8::33")'),
        Flag("--link", kind="list", parse=_link, many=True, help="Add link to another container"),
        Flag("--link-local-ip", kind="strings", many=True, help="Add a link-local address for the container"),
    ],
    least=2,
    most=2,
)  # fmt: skip
