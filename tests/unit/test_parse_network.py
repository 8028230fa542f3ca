from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.engine.options import Attachment, Port
from rocker.errors import InvalidArgumentError
from rocker.parse.link import parse_link
from rocker.parse.network import parse_address, parse_extra_host, parse_network, parse_search
from rocker.parse.port import PROTOCOLS, parse_expose, parse_publish

NUMBER = st.integers(1, 65535)
V4 = st.ip_addresses(v=4).map(str)
V6 = st.ip_addresses(v=6).map(str)
WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=9)


def refusal(parse, text: str) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", [Port(80)]),
        ("8080:80", [Port(80, host_port=8080)]),
        ("0:80", [Port(80)]),
        (":80", [Port(80)]),
        ("53:53/udp", [Port(53, "udp", host_port=53)]),
        ("53/UDP", [Port(53, "udp")]),
        ("127.0.0.1:8080:80", [Port(80, "tcp", "127.0.0.1", 8080)]),
        ("127.0.0.1::80", [Port(80, "tcp", "127.0.0.1")]),
        ("[::1]:8080:80", [Port(80, "tcp", "::1", 8080)]),
        ("::1:8080:80", [Port(80, "tcp", "::1", 8080)]),
        ("8000-8010:80", [Port(80, host_port=8000, host_port_end=8010)]),
        ("9000-9001:80-81/sctp", [Port(80, "sctp", "", 9000), Port(81, "sctp", "", 9001)]),
        ("80-81", [Port(80), Port(81)]),
        ("published=8080,target=80", [Port(80, host_port=8080)]),
        ("published=53,target=53,protocol=udp", [Port(53, "udp", host_port=53)]),
        ("target=80", [Port(80)]),
    ],
)
def test_published_ports_in_all_their_forms(text: str, ports: list[Port]) -> None:
    assert parse_publish(text) == ports


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "invalid containerPort: foo"),
        ("80:foo", "invalid containerPort: foo"),
        ("foo:80", "invalid hostPort: foo"),
        ("1-3:80-81", "invalid ranges specified for container and host Ports: 80-81 and 1-3"),
        ("80/foo", "invalid proto: foo"),
        ("1.2.3:80:80", "invalid IP address: 1.2.3"),
        ("70000:80", "invalid hostPort: 70000"),
        ("80:70000", "invalid containerPort: 70000"),
        ("80:0", "invalid containerPort: 0"),
        ("80:", "no port specified: 80:<empty>"),
        ("", "no port specified: <empty>"),
        ("90-80", "invalid containerPort: 90-80"),
        ("-1", "invalid containerPort: -1"),
        ("published=8080,targ", "invalid publish opts format (should be name=value but got 'targ')"),
    ],
)
def test_a_wrong_port_is_refused_in_dockers_words(text: str, message: str) -> None:
    assert refusal(parse_publish, text) == message


@given(st.one_of(st.just(""), V4, V6), NUMBER, NUMBER, st.sampled_from(PROTOCOLS))
def test_what_is_put_together_is_taken_apart(address: str, host: int, container: int, protocol: str) -> None:
    shown = f"[{address}]:" if ":" in address else f"{address}:" if address else ""
    assert parse_publish(f"{shown}{host}:{container}/{protocol}") == [
        Port(container, protocol, address, host)
    ]


@given(st.text(max_size=30))
def test_any_text_is_a_list_of_ports_or_refused(text: str) -> None:
    try:
        ports = parse_publish(text)
    except InvalidArgumentError:
        return
    for port in ports:
        assert 1 <= port.container_port <= 65535
        assert port.protocol in PROTOCOLS
        assert port.host_port is None or 1 <= port.host_port <= 65535


@pytest.mark.parametrize(
    ("text", "ports"),
    [("80", ["80/tcp"]), ("53/udp", ["53/udp"]), ("7000-7002", ["7000/tcp", "7001/tcp", "7002/tcp"])],
)
def test_exposed_ports(text: str, ports: list[str]) -> None:
    assert parse_expose(text) == ports


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "foo",
            'invalid range format for --expose: foo, error: strconv.ParseUint: parsing "foo": invalid syntax',
        ),
        ("80:90", "invalid port format for --expose: 80:90"),
        ("80/foo", "invalid proto: foo"),
        ("9-8", "invalid range format for --expose: 9-8, error: Invalid range specified for the Port: 9-8"),
    ],
)
def test_a_wrong_exposed_port_is_refused_in_dockers_words(text: str, message: str) -> None:
    assert refusal(parse_expose, text) == message


def test_a_network_in_its_long_form_has_all_its_details() -> None:
    text = (
        "name=mynet,alias=a,alias=b,ip=10.0.0.5,ip6=fd00::5,mac-address=02:42:00:00:00:01,"
        "driver-opt=k=v,link-local-ip=169.254.1.1,gw-priority=-3"
    )
    assert parse_network(text) == Attachment(
        "mynet", ("a", "b"), "10.0.0.5", "fd00::5", "02:42:00:00:00:01", (), ("169.254.1.1",), {"k": "v"}, -3
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name=n3,foo=1", "invalid field key foo"),
        ("alias=a", "network name/id is not specified"),
        ("name=n,alias", "invalid field alias"),
        ("name=n,driver-opt=x", "invalid key value pair format in driver options"),
        ("name=n,gw-priority=x", "invalid gw-priority (x): must be a number"),
    ],
)
def test_a_wrong_network_is_refused_in_dockers_words(text: str, message: str) -> None:
    assert refusal(parse_network, text) == message


@given(WORD, st.lists(WORD, max_size=3))
def test_a_network_with_aliases_is_taken_apart(name: str, aliases: list[str]) -> None:
    text = ",".join([f"name={name}", *(f"alias={alias}" for alias in aliases)])
    assert parse_network(text) == Attachment(name, tuple(aliases))


@given(st.text(max_size=30))
def test_any_text_is_a_network_or_refused(text: str) -> None:
    try:
        found = parse_network(text)
    except InvalidArgumentError:
        return
    assert found.network == text or "=" in text


@pytest.mark.parametrize(
    ("text", "found"),
    [("db", ("db", "db")), ("db:data", ("db", "data")), ("/db:/web/data", ("db", "data"))],
)
def test_links(text: str, found: tuple[str, str]) -> None:
    assert parse_link(text) == found


@pytest.mark.parametrize("text", ["a:b:c", ":b", "a:"])
def test_a_wrong_link_is_refused(text: str) -> None:
    assert refusal(parse_link, text) == f"bad format for links: {text}"


@given(st.text(max_size=20))
def test_any_text_is_a_link_or_refused(text: str) -> None:
    try:
        name, alias = parse_link(text)
    except InvalidArgumentError:
        return
    assert ":" not in name + alias


@given(WORD, st.one_of(V4, V6, st.just("host-gateway")), st.sampled_from(":="))
def test_hosts_for_the_hosts_file(name: str, address: str, separator: str) -> None:
    assert parse_extra_host(f"{name}{separator}{address}") == f"{name}:{address}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", 'bad format for add-host: "foo"'),
        ("foo:bar", 'invalid IP address in add-host: "bar"'),
        ("a\nb:1.2.3.4", 'bad format for add-host: "a\\nb:1.2.3.4"'),
    ],
)
def test_a_wrong_host_is_refused_in_dockers_words(text: str, message: str) -> None:
    assert refusal(parse_extra_host, text) == message


@given(st.text("0123456789abcdef:.", max_size=12))
def test_an_address_is_what_ipaddress_takes_for_one(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        assert refusal(parse_address, text) == f"IP address is not correctly formatted: {text}"
    else:
        assert parse_address(text) == text


@pytest.mark.parametrize("text", ["a b", "", "a..b", "-a.org", "x" * 64 + ".org", "a;b"])
def test_a_wrong_search_domain_is_refused(text: str) -> None:
    assert refusal(parse_search, text) == f"{text} is not a valid domain"


@pytest.mark.parametrize("text", [".", "x.org", "x.org.", "a_b", "a-b.c"])
def test_search_domains(text: str) -> None:
    assert parse_search(text) == text
