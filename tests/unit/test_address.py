"""Addresses and subnets agree with the standard library's `ipaddress`, which is too slow to import."""

from __future__ import annotations

import ipaddress
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import ConflictError, InvalidArgumentError
from rocker.network import pools
from rocker.network.address import IPV4, IPV6, Subnet, packed, plus, shown

ADDRESSES = st.ip_addresses()
NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda pair: ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False))


@given(ADDRESSES)
def test_an_address_comes_back_as_it_was(address) -> None:
    assert packed(str(address)) == address.packed
    assert ipaddress.ip_address(shown(address.packed)) == address


@given(NETWORKS, ADDRESSES)
def test_a_subnet_holds_what_ipaddress_says(network, address) -> None:
    subnet = Subnet.parse(str(network))
    assert subnet is not None
    assert (subnet.base, subnet.last) == (network.network_address.packed, network.broadcast_address.packed)
    assert subnet.size == network.num_addresses
    assert (address.packed in subnet) == (address in network)


@given(NETWORKS, NETWORKS)
def test_subnets_overlap_where_ipaddress_says(one, other) -> None:
    first, second = Subnet.parse(str(one)), Subnet.parse(str(other))
    assert first is not None
    assert second is not None
    assert first.overlaps(second) == (one.version == other.version and one.overlaps(other))
    assert first.covers(second) == (one.version == other.version and other.subnet_of(one))


@given(st.text("0123456789abcdef:./ ", max_size=20))
def test_a_text_is_a_subnet_for_both_or_for_none(text: str) -> None:
    try:
        expected = str(ipaddress.ip_network(text, strict=False)) if "/" in text else None
    except ValueError:
        expected = None
    found = Subnet.parse(text)
    if expected is None or "." in text.partition("/")[2]:  # ipaddress takes netmasks too
        assert found is None
    else:
        assert str(found) == expected


def test_a_family_is_asked_for() -> None:
    assert packed("10.0.0.1", IPV6) is None
    assert packed("::1", IPV4) is None
    assert packed("10.0.0.1\0") is None


def test_counting_ends_with_the_last_address() -> None:
    with pytest.raises(OverflowError):
        plus(b"\xff" * 4, 1)


# --- pools ---


def test_the_default_pools_hold_hundreds_of_networks(tmp_path) -> None:
    configured = pools.configured(str(tmp_path))
    used: list[Subnet] = []
    for _ in range(480):
        used.append(pools.choose(configured, used))
    assert all(not one.overlaps(other) for one in used[::7] for other in used if one is not other)
    assert [str(found) for found in used[:3]] == ["172.17.0.0/16", "172.18.0.0/20", "172.18.16.0/20"]


def test_a_full_pool_says_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(pools.VARIABLE, "base=10.0.0.0/29,size=30")
    configured = pools.configured(str(tmp_path))
    used = [pools.choose(configured, [])]
    used.append(pools.choose(configured, used))
    with pytest.raises(ConflictError, match="could not find an available, non-overlapping IPv4") as caught:
        pools.choose(configured, used)
    assert pools.VARIABLE in (caught.value.hint or "")


@given(st.lists(NETWORKS.filter(lambda network: network.version == 4 and network.prefixlen > 4), max_size=30))
def test_what_is_chosen_overlaps_nothing_in_use(networks) -> None:
    used = [found for network in networks if (found := Subnet.parse(str(network)))]
    pool = Subnet.parse("10.0.0.0/8")
    assert pool is not None
    try:
        found = pools.choose([(pool, 24)], used)
    except ConflictError:
        blocked = ipaddress.collapse_addresses(
            n for n in networks if n.overlaps(ipaddress.ip_network("10.0.0.0/8"))
        )
        assert sum(min(network.num_addresses, 1 << 24) for network in blocked) > 1 << 16
        return
    assert pool.covers(found)
    assert not any(found.overlaps(other) for other in used)


def test_a_host_route_is_gone_round(tmp_path) -> None:
    used = pools.of_host(["0.0.0.0/0", "172.17.0.0/16", "172.18.1.0/24", "fe80::/64"])
    assert str(pools.choose(pools.configured(str(tmp_path)), used)) == "172.18.16.0/20"


def test_pools_stand_in_the_data_roots_configuration(tmp_path) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]})
    )
    assert str(pools.choose(pools.configured(str(tmp_path)), [])) == "10.200.0.0/24"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.0.0.0/8", "invalid address pool: 10.0.0.0/8"),
        ("base=10.0.0.0/8,size=x", "invalid address pool"),
        ("base=10.0.0/8,size=24", "invalid address pool base: 10.0.0/8"),
        ("base=10.0.0.0/24,size=16", "invalid address pool size 16 for 10.0.0.0/24"),
        ("base=10.0.0.0/24,size=31", "invalid address pool size 31"),
    ],
)
def test_a_wrong_pool_names_where_it_stands(tmp_path, monkeypatch, text: str, message: str) -> None:
    monkeypatch.setenv(pools.VARIABLE, text)
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        pools.configured(str(tmp_path))
    assert str(caught.value).startswith(pools.VARIABLE)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"default-address-pools": 5}', '{"default-address-pools": [{"base": 1}]}']
)
def test_a_configuration_that_cannot_be_read_is_named(tmp_path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InvalidArgumentError) as caught:
        pools.configured(str(tmp_path))
    assert str(tmp_path / "config.json") in str(caught.value)
