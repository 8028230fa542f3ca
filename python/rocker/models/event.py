"""Events: the messages of Docker's `GET /events`."""

from __future__ import annotations

from typing import Literal, TypedDict

EventType = Literal["container", "image", "network", "volume", "daemon", "plugin", "builder"]


class Actor(TypedDict):
    """What it happened to: its id (the name of a volume), and its name, labels and what belongs to the action."""

    ID: str
    Attributes: dict[str, str]


class FirstVersion(TypedDict, total=False):
    """Members of the API's first version: those of containers and images only; `from` is a container's image."""

    status: str
    id: str


class Event(FirstVersion):
    """One event. `time` are seconds since the epoch, `timeNano` nanoseconds."""

    Type: EventType
    Action: str
    Actor: Actor
    scope: Literal["local", "swarm"]
    time: int
    timeNano: int
