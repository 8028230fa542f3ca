# ruff: noqa: E501 -- one case a line
from __future__ import annotations

import io
import json

import pytest
from fake_engine import ID

from rocker.engine.network_create import NetworkOptions
from rocker.engine.options import Attachment, Port
from rocker.errors import ConflictError, NetworkNotFoundError

ROW = {
    "Name": "mynet", "Id": ID, "Created": "2026-11-26T15:48:13.926904252Z", "Scope": "local", "Driver": "bridge",
    "EnableIPv4": True, "EnableIPv6": False, "Internal": False, "Labels": {"a": "b", "c": ""},
}  # fmt: skip


def test_create_prints_the_id_and_takes_everything(rocker, engine) -> None:
    words = [
        "-d", "bridge", "--subnet", "10.0.0.0/24,fd00::/64", "--gateway", "10.0.0.1", "--ip-range", "10.0.0.128/25", "--ipv6",
        "--internal", "--attachable", "--label", "a=b", "-o", "com.docker.network.driver.mtu=1400", "--aux-address", "x=10.0.0.9",
        "--ipam-opt", "k=v",
    ]  # fmt: skip
    result = rocker("network", "create", *words, "mynet")
    assert (result.exit_code, result.output) == (0, ID + "\n")
    assert engine.calls[0][2] == (
        NetworkOptions(
            "mynet", "bridge", ("10.0.0.0/24", "fd00::/64"), ("10.0.0.1",), ("10.0.0.128/25",), {"x": "10.0.0.9"}, True, True,
            True, {"a": "b"}, {"com.docker.network.driver.mtu": "1400"}, "default", {"k": "v"},
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--config-only", "x"], "--config-only is not offered"),
        (["--ingress", "x"], "--ingress is not offered"),
        (["--ipv4=false", "x"], "a network without IPv4 is not offered"),
        ([], '"rocker network create" requires exactly 1 argument.'),
        (["a", "b"], '"rocker network create" requires exactly 1 argument.'),
        (["--aux-address", "x", "a"], 'invalid argument "x" for "--aux-address" flag'),
    ],
)
def test_what_create_refuses(rocker, engine, words, text) -> None:
    result = rocker("network", "create", *words)
    assert result.exit_code in {1, 125}
    assert text in result.stderr
    assert engine.calls == []


def test_ls_is_a_table(rocker, engine) -> None:
    engine.networks.table = [ROW]
    assert rocker("network", "ls").stdout == (
        "NETWORK ID     NAME      DRIVER    SCOPE\n0123456789ab   mynet     bridge    local\n"
    )
    assert rocker("network", "list", "-q").stdout == "0123456789ab\n"
    assert rocker("network", "ls", "-q", "--no-trunc").stdout == ID + "\n"
    assert engine.calls[0] == ("rows", "networks", (), {"filters": None})


def test_ls_has_formats_and_filters(rocker, engine) -> None:
    engine.networks.table = [ROW]
    line = json.loads(rocker("network", "ls", "--format", "json").stdout)
    assert line == {
        "CreatedAt": "2026-11-26 15:48:13.926904252 +0000 UTC", "Driver": "bridge", "ID": "0123456789ab", "IPv4": "true",
        "IPv6": "false", "Internal": "false", "Labels": "a=b,c=", "Name": "mynet", "Scope": "local",
    }  # fmt: skip
    assert rocker("network", "ls", "--format", '{{.Name}} {{.Label "a"}}').stdout == "mynet b\n"
    assert (
        rocker("network", "ls", "--format", "table {{.Name}}\t{{.IPv6}}").stdout
        == "NAME      IPV6\nmynet     false\n"
    )
    rocker("network", "ls", "-f", "driver=bridge", "-f", "name=a", "-f", "name=b")
    assert engine.calls[-1][3] == {"filters": {"driver": ["bridge"], "name": ["a", "b"]}}
    result = rocker("network", "ls", "--filter", "foo=1")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, "rocker: invalid filter 'foo'")


def test_inspect_shows_what_there_is_and_names_what_is_not(rocker, engine) -> None:
    engine.answers["inspect"] = {
        **ROW,
        "IPAM": {"Config": [{"Subnet": "10.0.0.0/24"}]},
        "Containers": {},
        "Options": {},
    }
    assert json.loads(rocker("network", "inspect", "mynet").stdout)[0]["Id"] == ID
    form = "{{.Name}} {{(index .IPAM.Config 0).Subnet}}"
    assert rocker("network", "inspect", "-f", form, "mynet").stdout == "mynet 10.0.0.0/24\n"
    assert rocker("inspect", "--type", "network", "-f", "{{.Driver}}", "mynet").stdout == "bridge\n"
    result = rocker("network", "inspect", "nope")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "[]\n", "Error: No such network: nope\n")


def test_rm_prints_each_name_and_goes_on_after_errors(rocker, engine) -> None:
    result = rocker("network", "rm", "mynet", "nope", "other")
    assert (result.exit_code, result.stdout) == (1, "mynet\nother\n")
    assert result.stderr == "rocker: network nope not found\n"
    assert rocker("network", "remove", "-f", "nope").exit_code == 0
    engine.failures["remove"] = ConflictError("has active endpoints", hint="stop web")
    assert rocker("network", "rm", "mynet").stderr == "rocker: has active endpoints\nhint: stop web\n"


def test_prune_asks_unless_forced(rocker, engine, monkeypatch) -> None:
    engine.answers["prune"] = ["one", "two"]
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    result = rocker("network", "prune")
    assert result.stdout == (
        "WARNING! This will remove all custom networks not used by at least one container.\n"
        "Are you sure you want to continue? [y/N] "
    )
    assert engine.calls == []
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert rocker("network", "prune").stdout.endswith("Deleted Networks:\none\ntwo\n\n")
    rocker("network", "prune", "-f", "--filter", "until=1h", "--filter", "label!=a")
    assert engine.calls[-1] == ("prune", "networks", (), {"filters": {"until": ["1h"], "label!": ["a"]}})
    engine.answers["prune"] = []
    assert rocker("network", "prune", "--force").stdout == ""


def test_connect_and_disconnect(rocker, engine) -> None:
    words = [
        "--alias",
        "a",
        "--ip",
        "10.0.0.9",
        "--ip6",
        "fd00::9",
        "--link",
        "db:d",
        "--driver-opt",
        "k=v",
        "--gw-priority",
        "-2",
    ]
    result = rocker("network", "connect", *words, "mynet", "web")
    assert (result.exit_code, result.output) == (0, "")
    verb, name, arguments, options = engine.calls[0]
    assert (verb, name, arguments) == ("connect", "mynet", (engine.named["web"],))
    assert options == {
        "aliases": ["a"], "ip": "10.0.0.9", "ip6": "fd00::9", "links": ["db:d"], "driver_opts": {"k": "v"}, "gw_priority": -2,
    }  # fmt: skip
    assert rocker("network", "disconnect", "-f", "mynet", "web").exit_code == 0
    assert engine.calls[1] == ("disconnect", "mynet", (engine.named["web"],), {"force": True})


@pytest.mark.parametrize("verb", ["connect", "disconnect"])
def test_a_container_that_is_not_there_is_named_before_its_network(rocker, verb: str) -> None:
    result = rocker("network", verb, "nope", "nobody")
    assert (result.exit_code, result.stderr) == (1, "rocker: No such container: nobody\n")
    result = rocker("network", verb, "nope", "web")
    assert (result.exit_code, result.stderr) == (1, "rocker: network nope not found\n")


def test_port_lists_all_or_one(rocker, engine) -> None:
    engine.named["web"].ports = {
        "53/udp": [{"HostIp": "0.0.0.0", "HostPort": "53"}, {"HostIp": "::", "HostPort": "53"}],
        "77/tcp": None,
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}],
    }
    assert (
        rocker("port", "web").stdout == "53/udp -> 0.0.0.0:53\n53/udp -> [::]:53\n80/tcp -> 127.0.0.1:8080\n"
    )
    assert rocker("container", "port", "web", "80").stdout == "127.0.0.1:8080\n"
    assert rocker("port", "web", "53/udp").stdout == "0.0.0.0:53\n[::]:53\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["web", "99"], "No public port '99' published for web"),
        (["web", "77"], "No public port '77' published for web"),
        (["web", "x"], 'invalid port (x): strconv.ParseUint: parsing "x": invalid syntax'),
        (["nope"], "No such container: nope"),
    ],
)
def test_port_says_what_is_wrong(rocker, engine, words, text) -> None:
    engine.named["web"].ports = {"77/tcp": None}
    result = rocker("port", *words)
    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, f"rocker: {text}")


PORTS = [
    {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
    *(
        {"IP": ip, "PrivatePort": port, "PublicPort": port, "Type": "tcp"}
        for port in (9000, 9001, 9002)
        for ip in ("0.0.0.0", "::")
    ),
    {"IP": "0.0.0.0", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"},
    {"PrivatePort": 77, "Type": "tcp"},
]


def test_ps_shows_ports_as_docker_does(rocker, engine) -> None:
    engine.table = [{"Id": ID, "Ports": PORTS}]
    assert rocker("ps", "--format", "{{.Ports}}").stdout == (
        "0.0.0.0:53->53/udp, 77/tcp, 0.0.0.0:9000-9002->9000-9002/tcp, [::]:9000-9002->9000-9002/tcp, 127.0.0.1:8080->80/tcp\n"
    )


def test_ps_joins_only_neighbours(rocker, engine) -> None:
    engine.table = [{"Id": ID, "Ports": [{"PrivatePort": port, "Type": "tcp"} for port in (1, 2, 4, 5, 7)]}]
    assert rocker("ps", "--format", "{{.Ports}}").stdout == "1-2/tcp, 4-5/tcp, 7/tcp\n"


# --- run ---


def test_a_plain_run_leaves_the_network_to_the_engine(rocker, engine) -> None:
    assert rocker("run", "--rm", "debian").exit_code == 0
    assert (engine.options.network, engine.options.networks) == (None, ())


@pytest.mark.parametrize(
    ("words", "network", "networks"),
    [
        (["--network", "none"], "none", ()),
        (["--net", "container:web"], "container:web", ()),
        (["--network", "default"], "bridge", ()),
        (["--network", "a"], "a", ()),
        (["--network", "name=a"], "a", ()),
        (["--network", "a", "--network", "b"], "a", (Attachment("a"), Attachment("b"))),
        (["--network", "name=a,alias=x,ip=10.0.0.2"], "a", (Attachment("a", ("x",), "10.0.0.2"),)),
        (
            ["--network", "a", "--network-alias", "x", "--net-alias", "y", "--ip", "10.0.0.2", "--ip6", "fd00::2",
             "--mac-address", "02:42:00:00:00:01", "--link", "db:d"],
            "a",
            (Attachment("a", ("x", "y"), "10.0.0.2", "fd00::2", "02:42:00:00:00:01", ("db:d",)),),
        ),
        (["--mac-address", "02:42:00:00:00:01"], None, (Attachment("bridge", mac_address="02:42:00:00:00:01"),)),
    ],
)  # fmt: skip
def test_networks_of_a_run(rocker, engine, words, network, networks) -> None:
    result = rocker("run", *words, "debian")
    assert (result.exit_code, result.output) == (0, "")
    assert (engine.options.network, tuple(engine.options.networks)) == (network, networks)


def test_the_rest_of_a_runs_network(rocker, engine) -> None:
    words = [
        "-p", "8080:80", "-p", "53:53/udp", "-P", "--expose", "70-71", "--dns", "10.0.0.1", "--dns-search", "x.org", "--dns-opt",
        "ndots:3", "--dns-option", "edns0", "--add-host", "a=::1", "--add-host", "b:host-gateway", "--link", "db",
    ]  # fmt: skip
    assert rocker("run", *words, "debian").output == ""
    options = engine.options
    assert options.ports == (Port(80, host_port=8080), Port(53, "udp", host_port=53))
    assert (options.publish_all, options.expose, options.links) == (True, ("70/tcp", "71/tcp"), ("db",))
    assert (options.dns, options.dns_search, options.dns_options) == (
        ["10.0.0.1"],
        ["x.org"],
        ["ndots:3", "edns0"],
    )
    assert options.extra_hosts == ["a:::1", "b:host-gateway"]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-p", "foo"], "rocker: invalid containerPort: foo"),
        (["--expose", "80:90"], "rocker: invalid port format for --expose: 80:90"),
        (
            ["--dns", "foo"],
            'invalid argument "foo" for "--dns" flag: IP address is not correctly formatted: foo',
        ),
        (
            ["--dns-search", "a b"],
            'invalid argument "a b" for "--dns-search" flag: a b is not a valid domain',
        ),
        (
            ["--add-host", "foo"],
            'invalid argument "foo" for "--add-host" flag: bad format for add-host: "foo"',
        ),
        (["--mac-address", "foo"], "rocker: foo is not a valid mac address"),
        (
            ["--network", "alias=a"],
            'invalid argument "alias=a" for "--network" flag: network name/id is not specified',
        ),
        (
            ["--network", "name=n,foo=1"],
            'invalid argument "name=n,foo=1" for "--network" flag: invalid field key foo',
        ),
        (
            ["--network-alias", "a"],
            "rocker: network-scoped aliases are only supported for user-defined networks",
        ),
        (["--network", "n", "--network", "n"], 'rocker: network "n" is specified multiple times'),
        (
            ["--network", "n", "--network", "bridge"],
            "rocker: conflicting options: cannot attach both user-defined and non-user-defined network-modes",
        ),
        (
            ["--network", "name=n,alias=a", "--network-alias", "b"],
            "rocker: conflicting options: cannot specify both --network-alias and per-network alias",
        ),
        (
            ["--network", "name=n,ip=10.0.0.1", "--ip", "10.0.0.2"],
            "rocker: conflicting options: cannot specify both --ip and per-network IPv4 address",
        ),
    ],
)
def test_what_run_refuses_of_networks_ends_with_125(rocker, engine, words, text) -> None:
    result = rocker("run", *words, "debian")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (125, text)
    assert engine.options is None


def test_a_network_that_is_not_there_ends_with_125(rocker, engine) -> None:
    engine.failures["create"] = NetworkNotFoundError("network nosuch not found")
    result = rocker("run", "--network", "nosuch", "debian")
    assert (result.exit_code, result.stderr) == (125, "rocker: network nosuch not found\n")


def test_the_group_lists_its_verbs(rocker) -> None:
    text = rocker("network").stdout
    for verb in ("connect", "create", "disconnect", "inspect", "ls", "prune", "rm"):
        assert f"\n  {verb} " in text
