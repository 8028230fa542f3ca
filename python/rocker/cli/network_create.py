"""`rocker network create`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import InvalidArgumentError, UnsupportedError
from rocker.parse.keyvalue import parse_label, parse_pair, to_dict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_SWARM = ("config_from", "config_only", "ingress", "scope")


def create(app: App, values: Values, arguments: list[str]) -> int:
    """Make a network and print its id."""
    from rocker.engine.network_create import NetworkOptions

    for name in _SWARM:
        if values[name]:
            raise UnsupportedError(
                f"--{name.replace('_', '-')} is not offered", hint="it belongs to Docker's swarm mode"
            )
    if not values["ipv4"]:
        raise UnsupportedError("a network without IPv4 is not offered", hint="leave --ipv4=false out")
    wanted = NetworkOptions(
        name=arguments[0],
        driver=values["driver"],
        subnets=_split(values["subnet"]),
        gateways=_split(values["gateway"]),
        ranges=_split(values["ip_range"]),
        aux_addresses=to_dict(values["aux_address"]),
        ipv6=values["ipv6"],
        internal=values["internal"],
        attachable=values["attachable"],
        labels=to_dict(values["label"]),
        options=to_dict(values["opt"]),
        ipam_driver=values["ipam_driver"],
        ipam_options=to_dict(values["ipam_opt"]),
    )
    app.out(app.engine.networks.make(wanted).id)
    return 0


def _split(texts: list[str]) -> tuple[str, ...]:
    """Values may be repeated or separated by commas, as pflag's slices are."""
    return tuple(part for text in texts for part in text.split(","))


def _map(text: str) -> str:
    if "=" not in text:
        raise InvalidArgumentError(f"invalid value {text}: must be KEY=VALUE")
    return parse_pair(text)


COMMAND = DockerCommand(
    "create",
    create,
    usage="[OPTIONS] NETWORK",
    summary="Create a network",
    flags=[
        Flag("--attachable", help="Enable manual container attachment"),
        Flag("--aux-address", kind="map", parse=_map, many=True,
             help="Auxiliary IPv4 or IPv6 addresses used by Network driver"),
        Flag("--config-from", kind="string", help="The network from which to copy the configuration", hidden=True),
        Flag("--config-only", help="Create a configuration only network", hidden=True),
        Flag("-d", "--driver", kind="string", default="bridge", help='Driver to manage the Network (default "bridge")'),
        Flag("--gateway", kind="strings", many=True, help="IPv4 or IPv6 Gateway for the master subnet"),
        Flag("--ingress", help="Create swarm routing-mesh network", hidden=True),
        Flag("--internal", help="Restrict external access to the network"),
        Flag("--ip-range", kind="strings", many=True, help="Allocate container ip from a sub-range"),
        Flag("--ipam-driver", kind="string", default="default",
             help='IP Address Management Driver (default "default")'),
        Flag("--ipam-opt", kind="map", parse=_map, many=True, help="Set IPAM driver specific options"),
        Flag("--ipv4", default=True, help="Enable or disable IPv4 address assignment (default true)"),
        Flag("--ipv6", help="Enable or disable IPv6 address assignment"),
        Flag("--label", kind="list", parse=parse_label, many=True, help="Set metadata on a network"),
        Flag("-o", "--opt", kind="map", parse=_map, many=True, help="Set driver specific options"),
        Flag("--scope", kind="string", help="Control the network's scope", hidden=True),
        Flag("--subnet", kind="strings", many=True, help="Subnet in CIDR format that represents a network segment"),
    ],
    least=1,
    most=1,
)  # fmt: skip
