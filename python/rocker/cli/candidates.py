"""What may stand at a place of the command line: names of containers, images and whatever else its usage asks for."""

from __future__ import annotations

from rocker.errors import RockerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def candidates(engine: Engine, command: str, word: str) -> list[str]:
    """Names for a word of the usage; none where the engine cannot tell."""
    kinds: list[Callable[[], list[str]]] = {
        "CONTAINER": [lambda: _containers(engine, command)],
        "IMAGE": [lambda: _images(engine)],
        "SOURCE_IMAGE": [lambda: _images(engine)],
        "REPOSITORY": [lambda: _images(engine)],
        "NAME": [lambda: _images(engine)] if command == "push" else [],
        "NAME|ID": [lambda: _containers(engine, command), lambda: _images(engine)],
    }.get(word, [])
    found: list[str] = []
    for kind in kinds:
        try:
            found += kind()
        except (RockerError, OSError):  # a shell that asks wants no message
            continue
    return found


def _containers(engine: Engine, command: str) -> list[str]:
    states: Sequence[str] | None = _STATES.get(command)
    filters = None if states is None else {"status": states}
    return [container.name for container in engine.containers.list(all=True, filters=filters)]


def _images(engine: Engine) -> list[str]:
    names = [name for image in engine.images.list() for name in image["RepoTags"]]
    return names + [name.removesuffix(":latest") for name in names if name.endswith(":latest")]
