"""`list`: which containers there are, and what they do."""

from __future__ import annotations

import contextlib
import time

from rocker.engine.config import ContainerConfig
from rocker.engine.filters import given, labels_fit
from rocker.engine.network_collect import collect as collect_networks
from rocker.engine.network_settings import summary_ports
from rocker.engine.reconcile import collect, drop_gone
from rocker.engine.state import RUNS, describe, has_network, health_of, status_of
from rocker.errors import ContainerNotFoundError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping, Sequence
    from typing import Any

    from rocker.engine.catalog import ContainerRow
    from rocker.engine.engine import Engine
    from rocker.models.container import ContainerSummary

    Found = tuple[ContainerRow, ContainerConfig, dict[str, Any] | None]

_STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")
_FILTERS = (
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
    "publish", "since", "status", "volume",
)  # fmt: skip
_HEALTHS = ("none", "starting", "healthy", "unhealthy")


def get(engine: Engine, reference: str) -> ContainerRow:
    """Find the row of a container; one that only a crash left is removed and counts as not there.

    Raises:
        ContainerNotFoundError: there is none. InvalidArgumentError: several ids begin so.
    """
    row = engine.catalog.get_by_ref(reference)
    if not drop_gone(engine, [row], [engine.state(row.id)]):
        raise ContainerNotFoundError(f"No such container: {reference}")
    return row


def select(
    engine: Engine,
    *,
    all: bool,  # noqa: A002
    filters: Mapping[str, Sequence[str] | str] | None,
    limit: int | None,
) -> builtins.list[Found]:
    """Return what is wanted, newest first; see `Containers.list`."""
    rows = engine.catalog.list_containers()
    states = engine.core.read_states(engine.run_root, engine.root, [row.id for row in rows])
    collect(engine)
    alive = drop_gone(engine, rows, states)
    collect_networks(engine, ((row.id, state) for row, state in alive))
    conditions = given(filters, _FILTERS)
    test = _Filter(engine, conditions)
    everything = all or limit is not None or not conditions.keys().isdisjoint({"status", "exited"})
    found: builtins.list[Found] = []
    for row, state in alive:
        if not everything and (state is None or state["status"] not in RUNS):
            continue
        config = ContainerConfig.decode(row.config)
        if test.accepts(row, config, state):
            found.append((row, config, state))
            if limit is not None and 0 < limit <= len(found):
                break
    return found


class _Filter:
    """`--filter` of `ps`: all of the given names must hold, of each one value."""

    def __init__(self, engine: Engine, conditions: dict[str, tuple[str, ...]]) -> None:
        self._conditions = conditions
        for status in conditions.get("status", ()):
            if status not in _STATUSES:
                raise InvalidArgumentError(
                    f"invalid filter 'status={status}'", hint="one of " + ", ".join(_STATUSES)
                )
        for health in conditions.get("health", ()):
            if health not in _HEALTHS:
                raise InvalidArgumentError(
                    f"invalid filter 'health={health}'", hint="one of " + ", ".join(_HEALTHS)
                )
        self._exited = {_integer(value) for value in conditions.get("exited", ())}
        self._ancestors = _ancestors(engine, conditions["ancestor"]) if "ancestor" in conditions else None
        self._tasks = [_truth(value) for value in conditions.get("is-task", ())]
        self._ports = _PortFilter(conditions) if not conditions.keys().isdisjoint(_PORTS) else None
        self._networks = _networks(engine, conditions["network"]) if "network" in conditions else None
        self._before = [engine.catalog.get_by_ref(value).created_ns for value in conditions.get("before", ())]
        self._since = [engine.catalog.get_by_ref(value).created_ns for value in conditions.get("since", ())]

    def accepts(self, row: ContainerRow, config: ContainerConfig, state: dict[str, Any] | None) -> bool:
        given = self._conditions
        if not given:
            return True
        status = "created" if state is None else state["status"]
        return (
            ("id" not in given or any(row.id.startswith(value) for value in given["id"]))
            and ("name" not in given or any(_name_fits(row.name, value) for value in given["name"]))
            and labels_fit(config.labels, given)
            and ("status" not in given or status in given["status"])
            and ("health" not in given or health_of(state) in given["health"])
            and (
                not self._exited
                or (status == "exited" and state is not None and state["exit_code"] in self._exited)
            )
            and (self._ancestors is None or row.image_id in self._ancestors)
            and not any(self._tasks)  # a task is of a service, which there is none of here
            and ("volume" not in given or any(_mounts_volume(config, value) for value in given["volume"]))
            and (self._networks is None or row.id in self._networks)
            and (self._ports is None or self._ports.accepts(config, state))
            and all(row.created_ns < limit for limit in self._before)
            and all(row.created_ns > limit for limit in self._since)
        )


_PORTS = ("expose", "publish")


class _PortFilter:
    """`publish` and `expose`: numbers or ranges, with a protocol; one of all must fit, as in Docker."""

    def __init__(self, conditions: dict[str, tuple[str, ...]]) -> None:
        self._wanted = {name: _ports(name, conditions[name]) for name in _PORTS if name in conditions}

    def accepts(self, config: ContainerConfig, state: dict[str, Any] | None) -> bool:
        have: dict[str, set[str]] = {"expose": set(config.exposed_ports), "publish": set()}
        for port in ((state or {}).get("network") or {}).get("ports", ()):
            if has_network(state):
                have["publish"].add(f"{port['host_port']}/{port['protocol']}")
        return any(not wanted.isdisjoint(have[name]) for name, wanted in self._wanted.items())


def _ports(name: str, values: Sequence[str]) -> set[str]:
    from rocker.parse.port import plain_range

    found: set[str] = set()
    for value in values:
        if ":" in value:
            raise InvalidArgumentError(f"filter for '{name}' should not contain ':': {value}")
        text, _, protocol = value.partition("/")
        try:
            first, last = plain_range(text)
        except InvalidArgumentError as error:
            raise InvalidArgumentError(
                f"error while looking up for {name} {value}: {error}", hint="as 80, 80/udp or 8000-8010/tcp"
            ) from None
        found.update(f"{number}/{protocol or 'tcp'}" for number in range(first, last + 1))
    return found


def _networks(engine: Engine, wanted: Sequence[str]) -> set[str]:
    """The containers on networks of these names or ids; those without a bridge belong to their mode's network."""
    from rocker.engine.namespaces import network_mode
    from rocker.network import store

    names = {network.name: network for network in store.all_networks(engine.catalog)}
    ids = {
        network.id
        for network in names.values()
        if network.name in wanted or any(value and network.id.startswith(value) for value in wanted)
    }
    found = {
        endpoint.container
        for endpoints in store.all_endpoints(engine.catalog).values()
        for endpoint in endpoints
        if endpoint.network in ids or endpoint.name in wanted
    }
    for name in ("none", "host"):
        if names[name].id in ids:
            rows = engine.catalog.list_containers()
            modes = ((row.id, network_mode(ContainerConfig.decode(row.config).options)) for row in rows)
            found.update(id for id, mode in modes if mode == name)  # noqa: A001
    return found


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise InvalidArgumentError(f"invalid filter 'exited={text}'", hint="give an exit code") from error


def _truth(text: str) -> bool:
    from rocker.parse.number import parse_bool

    try:
        return parse_bool(text)
    except InvalidArgumentError:
        raise InvalidArgumentError(f"invalid filter 'is-task=[{text}]'", hint="true or false") from None


def _ancestors(engine: Engine, references: Sequence[str]) -> set[str]:
    """The images of these names and all that were made of them; what is none fits nothing, as in Docker."""
    from rocker.errors import ImageNotFoundError

    found: set[str] = set()
    for reference in references:
        with contextlib.suppress(ImageNotFoundError):
            found.add(engine.images.resolve(reference)[0])
    children = [(str(row[0]), str(row[1])) for row in engine.catalog.query(
        "SELECT id, parent FROM images WHERE parent IS NOT NULL"
    )]  # fmt: skip
    while more := {child for child, parent in children if parent in found} - found:
        found |= more
    return found


def _name_fits(name: str, pattern: str) -> bool:
    """Docker matches a regular expression anywhere, against the name with and without its slash."""
    import re

    try:
        return bool(re.search(pattern, name) or re.search(pattern, "/" + name))
    except re.error as error:
        raise InvalidArgumentError(f"invalid filter 'name={pattern}': {error}") from error


def _mounts_volume(config: ContainerConfig, wanted: str) -> bool:
    """Whether it mounts a volume of this name, a directory of the host by this path, or anything at this path."""
    return any(
        wanted
        in {getattr(mount, "name", ""), getattr(mount, "source", ""), mount.target, mount.target.rstrip("/")}
        for mount in config.all_mounts
    )


def rows(
    engine: Engine,
    *,
    all: bool,  # noqa: A002
    filters: Mapping[str, Sequence[str] | str] | None,
    limit: int | None,
    size: bool,
    brief: bool = False,
) -> builtins.list[ContainerSummary]:
    """Return Docker's rows; see `Containers.rows`."""
    now = time.time_ns()
    names: dict[str, str] = {}
    found = select(engine, all=all, filters=filters, limit=limit)
    summaries = [_summary(engine, each, now, names) for each in found]
    if not brief:
        _detail(engine, found, summaries)
    if size:
        from rocker.engine.size import sizes

        for (row, _, _), summary in zip(found, summaries, strict=True):
            summary["SizeRw"], summary["SizeRootFs"] = sizes(engine, row.id, row.image_id)
    return summaries


def _detail(engine: Engine, found: builtins.list[Found], summaries: builtins.list[ContainerSummary]) -> None:
    from rocker.engine.inspect import mounts
    from rocker.engine.network_settings import entries
    from rocker.network.view import View

    view = View(engine, everything=True)
    for (row, config, state), summary in zip(found, summaries, strict=True):
        networks = entries(view, row.id, row.name, config, running=has_network(state))
        summary["NetworkSettings"] = {"Networks": networks}
        summary["Mounts"] = mounts(engine, config)


def _summary(engine: Engine, found: Found, now: int, names: dict[str, str]) -> ContainerSummary:
    row, config, state = found
    return {
        "Id": row.id,
        "Names": ["/" + row.name],
        "Image": _image_name(engine, row, names),
        "ImageID": row.image_id,
        "Command": " ".join(config.args),
        "Created": row.created_ns // 10**9,
        "Ports": summary_ports(config, state),
        "Labels": dict(config.labels),
        "State": status_of(state),
        "Status": describe(state, now),
        "HostConfig": {"NetworkMode": config.options.network or "bridge"},
        "NetworkSettings": {},
        "Mounts": [],
        "Health": {"Status": health_of(state), "FailingStreak": _streak(state)},
    }


def _streak(state: dict[str, Any] | None) -> int:
    health: dict[str, Any] = (state or {}).get("health") or {}
    return int(health.get("failing_streak", 0))


def _image_name(engine: Engine, row: ContainerRow, names: dict[str, str]) -> str:
    """The name it was made by, or the image's id once the name means another image, as Docker shows it."""
    if not row.image_id:
        return row.image_ref
    if row.image_ref not in names:
        from rocker.errors import RockerError

        try:
            names[row.image_ref] = engine.images.resolve(row.image_ref)[0]
        except RockerError:
            names[row.image_ref] = ""
    return row.image_ref if names[row.image_ref] == row.image_id else row.image_id
