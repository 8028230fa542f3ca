"""Namespaces: which are new, which are the host's, which are another container's."""

from __future__ import annotations

from rocker.errors import ConflictError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from rocker.engine.options import RunOptions


class Donor:
    """Another, running container whose namespaces are joined.

    Attributes:
        id: its full id.
        pid: host pid of its init.
        ipc: its IPC mode.
        hostname: its host name.
    """

    __slots__ = ("hostname", "id", "ipc", "pid")

    def __init__(self, id: str, pid: int, ipc: str, hostname: str) -> None:  # noqa: A002
        self.id = id
        self.pid = pid
        self.ipc = ipc
        self.hostname = hostname


def network_mode(options: RunOptions) -> str:
    """Return `none`, `host` or `container:NAME`; `bridge` stands for all networks with a bridge.

    Raises:
        InvalidArgumentError: `container:` without a name.
    """
    mode = options.network or "bridge"
    if mode in {"none", "host"}:
        return mode
    if not mode.startswith("container:"):
        return "bridge"
    if mode == "container:":
        raise InvalidArgumentError("invalid container format container:<name|id>")
    return mode


def check(options: RunOptions) -> None:
    """Refuse modes that do not exist, and options that contradict each other.

    Raises:
        InvalidArgumentError: so it is.
    """
    network = network_mode(options)
    if network != "bridge":
        _check_without_bridge(options, network)
    _check_mode(options.pid, "PID", {"host", "private", ""})
    _check_mode(options.uts, "UTS", {"host", "private", ""})
    _check_mode(options.ipc, "IPC", {"host", "private", "none", "shareable", ""})
    if (options.cgroupns or "private") not in {"private", "host"}:
        raise InvalidArgumentError(
            f"invalid cgroup namespace mode: {options.cgroupns}", hint="modes are private and host"
        )
    if options.hostname and options.uts and options.uts != "private":
        raise InvalidArgumentError("conflicting options: hostname and the UTS mode")
    if options.hostname and network.startswith("container:"):
        raise InvalidArgumentError("conflicting options: hostname and the network mode")
    if options.shm_size is not None and options.shm_size <= 0:
        raise InvalidArgumentError("SHM size can not be less than 0")


def _check_without_bridge(options: RunOptions, network: str) -> None:
    """A container without interfaces of its own has nothing to give addresses to; a joined one has another's files."""
    if options.networks:
        for attachment in options.networks:
            if attachment.mac_address and network != "none":
                raise InvalidArgumentError("conflicting options: mac-address and the network mode")
            if attachment.ip or attachment.ip6:
                raise InvalidArgumentError(
                    "user specified IP address is supported on user defined networks only",
                    hint="rocker network create --subnet SUBNET NAME makes one",
                )
        names = ", ".join(attachment.network for attachment in options.networks)
        if len(options.networks) > 1:
            raise InvalidArgumentError(f"Container cannot be connected to network endpoints: {names}")
    joined = network not in {"none", "host"}
    if options.links and network != "none":
        kind = "container" if joined else "host"
        raise InvalidArgumentError(
            f"conflicting options: {kind} type networking can't be used with links. "
            "This would result in undefined behavior"
        )
    if not joined:
        return
    for given, what in (
        (options.dns or options.dns_search or options.dns_options, "dns and the network mode"),
        (options.extra_hosts, "custom host-to-IP mapping and the network mode"),
        (options.ports or options.publish_all, "port publishing and the container type network mode"),
        (options.expose, "port exposing and the container type network mode"),
    ):
        if given:
            raise InvalidArgumentError(f"conflicting options: {what}")


def _check_mode(mode: str | None, what: str, words: set[str]) -> None:
    if mode is None or mode in words:
        return
    if not mode.startswith("container:") or mode == "container:":
        raise InvalidArgumentError(
            f"invalid {what} mode: {mode}",
            hint=f"modes are {', '.join(sorted(filter(None, words)))} and container:NAME",
        )


def resolve(options: RunOptions, donor: Callable[[str], Donor]) -> list[dict[str, str]]:
    """Return `linux.namespaces`. `donor` finds a running container by name.

    Raises:
        ConflictError: the other container does not share its IPC namespace.
        NotRunningError: the other container does not run (raised by `donor`).
    """
    found = [{"type": "mount"}]
    if options.cgroupns != "host":
        found.append({"type": "cgroup"})
    modes = {"network": options.network, "pid": options.pid, "ipc": options.ipc, "uts": options.uts}
    for kind, mode in modes.items():
        if mode == "host":
            continue
        if mode is None or not mode.startswith("container:"):
            found.append({"type": kind})
            continue
        other = donor(mode.removeprefix("container:"))
        if kind == "ipc" and other.ipc != "shareable":
            raise ConflictError(
                f"can't join IPC of container {other.id}: non-shareable IPC "
                "(hint: use IpcMode:shareable for the donor container)",
                hint="start the other container with --ipc shareable",
            )
        file = "net" if kind == "network" else kind
        found.append({"type": kind, "path": f"/proc/{other.pid}/ns/{file}"})
    return found
