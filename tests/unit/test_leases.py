"""Addresses against a model: a set of numbers."""

from __future__ import annotations

import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocker.engine.catalog import Catalog, ContainerRow
from rocker.errors import ConflictError
from rocker.network import leases, store
from rocker.network.address import Subnet, shown
from rocker.network.default import whole

PLACES = 5


def container(number: int) -> str:
    return f"{number:064x}"


def add(catalog: Catalog, network: store.Network, number: int, address: bytes | None) -> str:
    """A container with an endpoint and an address: this one, or the next."""
    with catalog.write() as db:
        catalog.insert_container(ContainerRow(container(number), f"c{number}", "", "", 0, False, "{}"))
        db.execute(
            "INSERT INTO endpoints (container_id, network_id, id, name, position, config) "
            "VALUES (?, ?, ?, '', 0, '{}')",
            (container(number), network.id, container(number)),
        )
        [found] = store.ranges_of(catalog, network.id)
        if address is None:
            return shown(leases.take_any(db, network, found, container(number)))
        return shown(leases.take(db, network, found, container(number), address))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(0, PLACES + 2))), max_size=40))
def test_the_lowest_free_address_is_given_whatever_came_and_went(steps) -> None:
    """Each step adds a container, with any address or with a fixed one, or removes it."""
    subnet = Subnet.parse("10.0.0.0/29")
    assert subnet is not None
    network = store.Network(container(1), "net", "bridge", False, "rk", 0, store.NetworkConfig())
    held: dict[int, str] = {}
    with tempfile.TemporaryDirectory() as root, Catalog(root) as catalog:
        with catalog.write() as db:
            store.insert(db, network, [whole(subnet)])
        for number, wanted in steps:
            if number in held:
                catalog.delete_container(container(number))
                del held[number]
                continue
            free = [
                text for place in range(2, PLACES + 2) if (text := f"10.0.0.{place}") not in held.values()
            ]
            expected = (free or [None])[0] if wanted is None else f"10.0.0.{wanted}"
            address = None if wanted is None else bytes([10, 0, 0, wanted])
            if expected in free:
                held[number] = add(catalog, network, number, address)
                assert held[number] == expected
            else:
                with pytest.raises(ConflictError):
                    add(catalog, network, number, address)
        rows = catalog.query("SELECT address FROM leases WHERE container_id IS NOT NULL")
        assert sorted(shown(address) for (address,) in rows) == sorted(held.values())


def test_what_hangs_on_a_network_goes_with_it_but_the_names_of_stopped_containers(tmp_path) -> None:
    subnet = Subnet.parse("10.0.0.0/29")
    assert subnet is not None
    network = store.Network(container(1), "net", "bridge", False, "rk", 0, store.NetworkConfig())
    with Catalog(tmp_path) as catalog:
        with catalog.write() as db:
            store.insert(db, network, [whole(subnet)])
        add(catalog, network, 2, None)
        with catalog.write() as db:
            assert store.delete(db, network.id)
            assert not store.delete(db, network.id)
        assert catalog.query("SELECT count(*) FROM leases") == [(0,)]
        assert catalog.query("SELECT count(*) FROM subnets") == [(0,)]
        assert [found.addresses for found in store.endpoints_of(catalog, container(2))] == [()]
