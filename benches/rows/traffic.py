"""Through a network: bytes (iperf3) by a published port and between containers, and answers of the resolver.

The programs at both ends are this machine's, in the network namespaces of containers: nothing but the network differs.
"""

import json
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benches.contenders.base import CommandContender, unique
from benches.isolation import UPLINK
from benches.measure import Result
from benches.rows.bench import Bench

PEERS = ("rocker", "podman", "docker", "docker29")
PORT = 5201
PUBLISHED = 15201
"""The first contender's port on the host; the others' follow, because two share a host."""
SMALL = 20
"""Rounds below which a sample is short: a trial of the bench, not a measurement."""
WINDOW = 32
"""Questions on their way at a time."""
ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
PATIENCE = 10.0


@dataclass
class Pair:
    """Two containers on one network, by the pids of their first processes; the first has a port published."""

    host: str
    """The network namespace of the host they are on."""
    port: int
    """The host's, where the first one's 5201 is published."""
    server: int
    client: int
    address: str
    """The first container's."""


def iperf(bench: Bench) -> list[Result]:
    """Gigabits a second by one connection."""
    rows: dict[str, Callable[[Pair, int], float]] = {
        "iperf3 by a published port": lambda pair, seconds: _iperf(pair.host, UPLINK, pair.port, seconds),
        "iperf3 from container to container": lambda pair, seconds: _iperf(
            f"/proc/{pair.client}/ns/net", pair.address, PORT, seconds
        ),
    }
    return _sampled(bench, PEERS, rows, "Gbit/s", network="")


def resolver(bench: Bench) -> list[Result]:
    """Answers a second to one container that asks for another's name, 32 questions at a time."""
    # podman's needs dnsname or aardvark-dns, and is at another address.
    peers = tuple(name for name in PEERS if name != "podman")
    rows: dict[str, Callable[[Pair, int], float]] = {"resolver": _answers}
    return _sampled(bench, peers, rows, "/s", network="bench-net")


def _sampled(
    bench: Bench,
    names: tuple[str, ...],
    rows: dict[str, Callable[[Pair, int], float]],
    unit: str,
    network: str,
) -> list[Result]:
    """Five samples each, in turns; two short ones in a trial."""
    count, seconds = (5, 2) if bench.rounds >= SMALL else (2, 1)
    peers = [one for one in bench.peers(*names) if isinstance(one, CommandContender)]
    results = {(row, one.name): Result(row, one.name, "burst", unit) for row in rows for one in peers}
    with ExitStack() as stack:
        pairs: dict[str, Pair] = {}
        for number, one in enumerate(peers):
            try:
                pairs[one.name] = stack.enter_context(_pair(one, network, PUBLISHED + number))
            except (RuntimeError, OSError) as error:
                results[next(iter(rows)), one.name].note = str(error)[:200]
        for row, measure in rows.items():
            for _ in range(count):
                for name, pair in pairs.items():
                    result = results[row, name]
                    try:
                        result.samples.append(measure(pair, seconds))
                    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
                        result.note = str(error)[:200]
    return list(results.values())


@contextmanager
def _pair(one: CommandContender, network: str, port: int) -> Iterator[Pair]:
    names = [unique(), unique()]
    flags = ["--network", network] if network else []
    run = [*one.bridged, "run", "--detach", *flags, *one.limits]
    with ExitStack() as stack:
        if network:
            one.output([*one.bridged, "network", "create", network])
            stack.callback(one.output, [*one.bridged, "network", "rm", network])
        for name, published in zip(names, (["--publish", f"{port}:{PORT}"], []), strict=True):
            # A name of the resolver's: those of containers may hold too many bytes for some.
            alias = ["--network-alias", "server"] if network and published else []
            one.output([*run, "--name", name, *published, *alias, one.reference, "sleep", "100000"])
            stack.callback(one.do, [*one.bridged, "rm", "-f", name])
        pids = [int(one.inspect(name, "{{.State.Pid}}")) for name in names]
        address = one.inspect(names[0], ADDRESS) or one.inspect(names[0], "{{.NetworkSettings.IPAddress}}")
        server = stack.enter_context(_server(pids[0]))
        stack.callback(server.kill)
        yield Pair(one.host_network, port, pids[0], pids[1], address)


@contextmanager
def _server(pid: int) -> Iterator[subprocess.Popen[str]]:
    argv = [*_inside(f"/proc/{pid}/ns/net"), "iperf3", "--server", "--port", str(PORT), "--forceflush"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        line = ""
        while "listening" not in line:
            if not (line := process.stdout.readline()):
                raise RuntimeError(f"iperf3 --server ended with {process.wait()}")
        yield process


def _inside(network: str) -> list[str]:
    return ["nsenter", f"--net={network}", "--"]


def _iperf(network: str, address: str, port: int, seconds: int) -> float:
    """What the server received, in gigabits a second."""
    ask = ["iperf3", "--client", address, "--port", str(port), "--time", str(seconds), "--json",
           "--connect-timeout", "3000"]  # fmt: skip
    done = subprocess.run(
        [*_inside(network), *ask], capture_output=True, text=True, timeout=PATIENCE + seconds, check=False
    )
    told = json.loads(done.stdout)
    if "error" in told:
        raise RuntimeError(f"iperf3: {told['error']}")
    return float(told["end"]["sum_received"]["bits_per_second"]) / 1e9


def _answers(pair: Pair, seconds: int) -> float:
    from helpers.netns import namespace_of

    namespace = namespace_of(pair.client)
    try:
        with namespace.socket(kind=socket.SOCK_DGRAM) as asking:
            asking.connect(("127.0.0.11", 53))
            asking.settimeout(PATIENCE)
            return _rate(asking, seconds)
    finally:
        namespace.close()


def _rate(asking: socket.socket, seconds: float) -> float:
    question = struct.pack(">5H", 0x100, 1, 0, 0, 0) + b"\6server\0" + struct.pack(">2H", 1, 1)
    number = count = 0
    for number in range(WINDOW):
        asking.send(struct.pack(">H", number) + question)
    begin = time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        answer = asking.recv(512)
        if answer[3] & 15 or not struct.unpack(">H", answer[6:8])[0]:
            raise RuntimeError(f"the resolver's answer has code {answer[3] & 15} and no address")
        count += 1
        number = (number + 1) & 0xFFFF
        asking.send(struct.pack(">H", number) + question)
    return count / passed
