"""What is left of a container's network when it has ended: nothing, whatever keeps its namespace."""

from __future__ import annotations

import signal
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.holders import holders
from helpers.netns import namespace_of
from helpers.processes import end, find, wait_ended
from helpers.until import until
from rocker import _core

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocker import Container, Engine


@contextmanager
def sending(engine: Engine, rootfs: Path, **options: object) -> Iterator[tuple[Container, str]]:
    """A container that has sent more than its peer on the host reads, with the name of its link there."""
    network = engine.networks.create("mine")
    gateway = network.inspect()["IPAM"]["Config"][0]["Gateway"]
    with socket.create_server((gateway, 0)) as server:
        server.settimeout(20)
        container = engine.run(
            rootfs=str(rootfs),
            command=["sh", "-c", f"yes | nc {gateway} {server.getsockname()[1]}"],
            network="mine",
            detach=True,
            **options,
        )
        with server.accept()[0]:
            state = engine.state(container.id)
            assert state
            table = Path(f"/proc/{state['pid']}/net/tcp")
            # tx_queue, in bytes: the peer has acknowledged what it has room for.
            until(lambda: any(int(line.split()[4][:8], 16) for line in table.read_text().splitlines()[1:]))
            yield container, state["network"]["endpoints"][0]["link"]


@pytest.mark.parametrize("how", ["rm -f", "stop", "shim"])
def test_a_connection_that_nobody_reads_does_not_keep_the_link(
    engine: Engine, busybox_rootfs: Path, how: str
) -> None:
    """The kernel would keep the namespace of what was sent and not acknowledged, for 100 s at least."""
    with sending(engine, busybox_rootfs) as (container, link):
        assert link in _core.links()
        match how:
            case "rm -f":
                container.remove(force=True)
            case "stop":
                container.stop(timeout=0)
            case "shim":
                state = engine.state(container.id)
                assert state
                shim = find(state["shim_pid"])
                assert shim
                end([shim], signal.SIGKILL)
                assert wait_ended([shim], 20)
                engine.containers.list(all=True)
                assert link not in _core.links(), "after the first look"
        until(lambda: link not in _core.links(), "the link goes")


def test_a_container_with_the_address_of_one_that_ended_is_the_one_that_is_reached(
    engine: Engine, busybox_rootfs: Path
) -> None:
    """The lowest free address is given again at once, and with it the hardware address."""
    serve = "mkdir /www; echo again >/www/index.html; exec httpd -f -h /www"
    with sending(engine, busybox_rootfs, name="first") as (first, link):
        address = first.inspect()["NetworkSettings"]["Networks"]["mine"]["IPAddress"]
        first.remove(force=True)
        again = engine.run(
            rootfs=str(busybox_rootfs), command=["sh", "-c", serve], network="mine", detach=True
        )
        assert again.inspect()["NetworkSettings"]["Networks"]["mine"]["IPAddress"] == address

        def page() -> bytes:
            try:
                with socket.create_connection((address, 80), timeout=5) as one:
                    one.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    return one.makefile("rb").read()
            except OSError:
                return b""

        assert until(page).endswith(b"again\n")
        until(lambda: link not in _core.links(), "the link goes")


def test_who_joined_the_namespace_does_not_keep_the_interface(engine: Engine, busybox_rootfs: Path) -> None:
    donor = engine.run(rootfs=str(busybox_rootfs), command=["sleep", "600"], detach=True)
    guest = engine.run(
        rootfs=str(busybox_rootfs), command=["sleep", "600"], network=f"container:{donor.id}", detach=True
    )
    assert guest.exec(["ls", "/sys/class/net"]).lines == ["eth0", "lo"]
    state = engine.state(donor.id)
    assert state
    link = state["network"]["endpoints"][0]["link"]
    assert any("is in it" in one for one in holders(link))
    donor.remove(force=True)
    assert link not in _core.links()
    assert guest.status == "running"
    assert guest.exec(["ls", "/sys/class/net"]).lines == ["lo"]


def test_who_keeps_a_namespace_is_named(engine: Engine, busybox_rootfs: Path) -> None:
    """By the check for leaks: a descriptor, here of this process."""
    container = engine.run(rootfs=str(busybox_rootfs), command=["sleep", "600"], detach=True)
    state = engine.state(container.id)
    assert state
    link = state["network"]["endpoints"][0]["link"]
    namespace = namespace_of(state["pid"])
    container.remove(force=True)
    try:
        [found] = until(lambda: [one for one in holders(link) if "rocker" not in one])
        assert f"has it open as {namespace.fd}" in found
    finally:
        namespace.close()
    until(lambda: link not in _core.links(), "the link goes")
