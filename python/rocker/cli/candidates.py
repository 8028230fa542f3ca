"""What may stand at a place of the command line: names of containers, images and whatever else its usage asks for."""

from __future__ import annotations

from rocker.errors import RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocker.cli.flags import Flag
    from rocker.engine.engine import Engine

_RUNNING = ("attach", "exec", "kill", "pause", "port", "stats", "stop", "top")
_STATES = {
    **dict.fromkeys(_RUNNING, ("running", "paused")),
    "pause": ("running",),
    "start": ("created", "exited"),
    "unpause": ("paused",),
}
"""Of which containers a command has use; of all, where it is not named."""


def place(usage: str, index: int) -> str:
    """The word of a command's usage for its argument number `index`, from 0: `CONTAINER`; empty where there is none.

    `[CONTAINER...]` stands for all that follow.
    """
    words = [word for word in usage.split() if word != "[OPTIONS]"]
    if not words:
        return ""
    word = words[min(index, len(words) - 1)]
    if index >= len(words) and not word.endswith("...]"):
        return ""
    return word.strip("[].").partition("[")[0]


def candidates(engine: Engine, command: str, word: str, given: Sequence[str] = ()) -> list[str]:
    """Names for a word of the usage, behind the arguments `given`; none where the engine cannot tell."""
    if command == "create" and word in {"NETWORK", "VOLUME"}:
        return []  # it is to be a new name
    kinds: list[Callable[[], list[str]]] = {
        "CONTAINER": [lambda: _containers(engine, command, given)],
        "IMAGE": [lambda: _images(engine)],
        "SOURCE_IMAGE": [lambda: _images(engine)],
        "REPOSITORY": [lambda: _images(engine)],
        "NETWORK": [lambda: _networks(engine, command)],
        "NAME": [lambda: _images(engine)] if command == "push" else [],
        "VOLUME": [lambda: _volumes(engine)],
        "NAME|ID": [
            lambda: _containers(engine, command, ()), lambda: _images(engine), lambda: _networks(engine, command),
            lambda: _volumes(engine),
        ],
    }.get(word, [])  # fmt: skip
    return _all(kinds)


def has_values(flag: Flag) -> bool:
    """Whether there is something to offer for a flag's value."""
    return bool(flag.offers) or flag.long in _VALUES


def values(engine: Engine, command: str, flag: Flag, begun: str) -> list[str]:
    """What a flag's value may be, of which `begun` is typed; none where the engine cannot tell."""
    if flag.offers:
        return _filters(engine, command, flag.offers, begun)
    return _all([lambda: _VALUES[flag.long](engine)])


def _filters(engine: Engine, command: str, offers: Sequence[str], begun: str) -> list[str]:
    name, equals, _ = begun.partition("=")
    if not equals:
        return [f"{offer}=" for offer in offers]
    kind = {**_FILTERS, **_OWN_FILTERS.get(command, {})}.get(name)
    if kind is None or name not in offers:
        return []
    return [f"{name}={value}" for value in _all([lambda: kind(engine)])]


def _all(kinds: Sequence[Callable[[], list[str]]]) -> list[str]:
    found: list[str] = []
    for kind in kinds:
        try:
            found += kind()
        except (RockerError, OSError):  # a shell that asks wants no message
            continue
    return found


def _containers(engine: Engine, command: str, given: Sequence[str]) -> list[str]:
    filters: dict[str, Sequence[str]] = {}
    if command in _STATES:
        filters["status"] = _STATES[command]
    if command == "disconnect" and given:
        filters["network"] = given[:1]
    return [container.name for container in engine.containers.list(all=True, filters=filters or None)]


def _names(engine: Engine) -> list[str]:
    return _containers(engine, "", ())


def _running(engine: Engine) -> list[str]:
    return [container.name for container in engine.containers.list()]


def _images(engine: Engine) -> list[str]:
    names = [name for image in engine.images.list() for name in image["RepoTags"]]
    return names + [name.removesuffix(":latest") for name in names if name.endswith(":latest")]


def _networks(engine: Engine, command: str) -> list[str]:
    """Those a command has use of: the engine's own are not removed, and nobody joins `host` or `none`."""
    return [
        network.name
        for network in engine.networks.list()
        if not (command in {"rm", "connect"} and network.driver != "bridge")
        and not (command == "rm" and network.row.builtin)
    ]


def _volumes(engine: Engine) -> list[str]:
    return [volume.name for volume in engine.volumes.list()]


def _shared(engine: Engine, *others: str) -> list[str]:
    return [*others, *(f"container:{name}" for name in _running(engine))]


_VALUES: dict[str, Callable[[Engine], list[str]]] = {
    "--ipc": lambda engine: _shared(engine, "host", "none", "private", "shareable"),
    "--link": lambda engine: [f"{name}:" for name in _running(engine)],
    "--network": lambda engine: [*_networks(engine, ""), *_shared(engine)],
    "--pid": lambda engine: _shared(engine, "host"),
    "--volume": lambda engine: [f"{name}:" for name in _volumes(engine)],
    "--volumes-from": _names,
}
_FILTERS: dict[str, Callable[[Engine], list[str]]] = {
    "ancestor": _images,
    "container": _names,
    "dangling": lambda _: ["false", "true"],
    "health": lambda _: ["healthy", "none", "starting", "unhealthy"],
    "image": _images,
    "network": lambda engine: _networks(engine, ""),
    "status": lambda _: ["created", "dead", "exited", "paused", "removing", "restarting", "running"],
    "volume": _volumes,
}
_OWN_FILTERS: dict[str, dict[str, Callable[[Engine], list[str]]]] = {
    "events": {"type": lambda _: ["container", "image", "network", "volume"]},
    "images": {"before": _images, "since": _images},
    "ps": {"before": _names, "name": _names, "since": _names},
}
"""Filters that mean something else to other commands."""
