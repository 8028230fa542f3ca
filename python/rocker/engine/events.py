"""`events`: what happened, and what happens."""

from __future__ import annotations

import json
import time

from rocker.engine.filters import given, labels_fit
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rocker.engine.engine import Engine
    from rocker.models.event import Event

FILTERS = ("config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
           "service", "type", "volume")  # fmt: skip
_NAMED = ("config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume")
"""Filters that take the beginning of an id or of a name."""
_WITH_DETAIL = frozenset(("health_status", "exec_create", "exec_start"))
"""Actions that are followed by a colon and more; asked for by their bare name, the beginning decides."""


def events(
    engine: Engine,
    *,
    since: float | str | None,
    until: float | str | None,
    filters: Mapping[str, Sequence[str] | str] | None,
    follow: bool | None,
) -> Iterator[Event]:
    """Return an iterator of events; see `Engine.events`."""
    now = time.time_ns()
    first, last = _when(since, now), _when(until, now)
    if first is not None and last is not None and last < first:
        raise InvalidArgumentError(
            f"`since` time ({first // 10**9}) cannot be after `until` time ({last // 10**9})"
        )
    _ = engine.catalog  # which makes the roots
    goes_on = (last is None or last > now) if follow is None else follow
    lines = engine.core.event_read(
        engine.run_root, past=first is not None or last is not None, follow=goes_on, until_ns=last
    )
    return _select(lines, first, last, Filter(filters))


def _select(lines: Iterator[bytes], first: int | None, last: int | None, wanted: Filter) -> Iterator[Event]:
    for line in lines:
        try:
            event: Event = json.loads(line)
            at = event["timeNano"]
        except (ValueError, KeyError, TypeError):
            continue  # torn when the file system was full
        if first is not None and at < first:
            continue
        # Writers note the time before they write: one that comes later may still be of before.
        if last is not None and at > last:
            continue
        if wanted.accepts(event):
            yield event


def _when(when: float | str | None, now: int) -> int | None:
    if when is None:
        return None
    if not isinstance(when, str):
        return int(when * 10**9)
    from rocker.parse.duration import parse_time

    return parse_time(when, now)


class Filter:
    """`--filter` of `events`: all of the given names must hold, of each one value (of labels every one).

    Raises:
        InvalidArgumentError: a name is unknown.
    """

    def __init__(self, filters: Mapping[str, Sequence[str] | str] | None) -> None:
        self._given = given(filters, FILTERS)

    def accepts(self, event: Event) -> bool:
        """Tell whether an event is wanted, by the rules of daemon/events/filter.go."""
        given = self._given
        if not given:
            return True
        actor = event["Actor"]
        attributes = actor.get("Attributes") or {}
        return (
            ("event" not in given or _action_fits(event["Action"], given["event"]))
            and ("type" not in given or event["Type"] in given["type"])
            and ("scope" not in given or event["scope"] in given["scope"])
            and all(
                actor["ID"].startswith(given[name]) or attributes.get("name", "").startswith(given[name])
                for name in _NAMED
                if name in given
            )
            and ("image" not in given or _image_fits(event, given["image"]))
            and labels_fit(attributes, given)
        )


def _action_fits(action: str, wanted: tuple[str, ...]) -> bool:
    return action in wanted or (not _WITH_DETAIL.isdisjoint(wanted) and action.startswith(wanted))


def _image_fits(event: Event, wanted: tuple[str, ...]) -> bool:
    """By the id, or by the name with or without its tag; events of containers by their image's."""
    actor = event["Actor"]
    name = (actor.get("Attributes") or {}).get("name" if event["Type"] == "image" else "image", "")
    return any(text in wanted for text in (actor["ID"], name, _without_tag(actor["ID"]), _without_tag(name)))


def _without_tag(name: str) -> str:
    from rocker.images.reference import Reference

    try:
        return Reference.parse(name, default_tag=False).familiar_name
    except InvalidArgumentError:
        return name
