"""`rocker events`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.formatting.table import gather_filters, parse_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rocker.cli.app import App
    from rocker.models.event import Event

_OFFERED = ("container", "event", "image", "label", "network", "type", "volume")
"""Filters by what this engine has; the others are Docker's, for what it has not."""
_FIELDS = ("Status", "ID", "From", "Type", "Action", "Actor", "Scope", "Time", "TimeNano")
"""What a template may name, as Go's struct has it."""
_EMPTY: Event = {
    "status": "", "id": "", "Type": "container", "Action": "", "Actor": {"ID": "", "Attributes": {}}, "scope": "local",
    "time": 0, "timeNano": 0,
}  # fmt: skip


def events(app: App, values: Values, _arguments: list[str]) -> int:
    """Write what happens until it is ended, or until `--until`."""
    from rocker.engine.events import FILTERS

    show = _form(values["format"])
    filters = gather_filters(values["filter"], FILTERS)
    since, until = _moment(values["since"]), _moment(values["until"])
    for event in app.engine.events(since=since, until=until, filters=filters):
        app.out(show(event))
        app.flush()
    return 0


def _moment(text: str | None) -> str | None:
    return None if not text or text == "0" else text


def _form(form: str) -> Callable[[Event], str]:
    """How an event is shown: as text, as JSON, or by a template, which is tried first."""
    if not form:
        return text_of
    if form == "json":
        import json

        return lambda event: json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    from rocker.formatting.template import Template, TemplateError, TemplateSyntaxError

    try:
        template = Template(form)
        template.render(_fields(_EMPTY))
    except TemplateError as error:
        raise TemplateSyntaxError(f"Error parsing format: {error}") from error
    return lambda event: template.render(_fields(event))


def _fields(event: Event) -> Any:
    """The event as templates see it."""
    from rocker.formatting.template.values import Fields, Texts

    actor = event["Actor"]
    small = {key.lower(): value for key, value in event.items() if key not in {"Type", "Action", "Actor"}}
    found: dict[str, Any] = {name: small.get(name.lower(), "") for name in _FIELDS}
    found["Type"], found["Action"] = event["Type"], event["Action"]
    found["Actor"] = Fields({"ID": actor["ID"], "Attributes": Texts(actor["Attributes"])})
    return Fields(found)


def text_of(event: Event) -> str:
    """Return an event as `docker events` shows it, in local time with all its nanoseconds."""
    import time

    seconds, fraction = divmod(event["timeNano"], 10**9)
    local = time.localtime(seconds)
    zone = time.strftime("%z", local)
    zone = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", local) + f".{fraction:09d}{zone}"
    actor = event["Actor"]
    shown = f"{moment} {event['Type']} {event['Action']} {actor['ID']}"
    if actor["Attributes"]:
        pairs = ", ".join(f"{name}={value}" for name, value in sorted(actor["Attributes"].items()))
        shown += f" ({pairs})"
    return shown


COMMAND = DockerCommand(
    "events",
    events,
    usage="[OPTIONS]",
    summary="Get real time events from the engine",
    aliases=["rocker system events", "rocker events"],
    flags=[
        Flag("-f", "--filter", kind="filter", parse=parse_filter, many=True, offers=_OFFERED,
             help="Filter output based on conditions provided"),
        Flag("--format", kind="string", default="",
             help="Format output using a custom template: 'json' or 'TEMPLATE', a Go template"),
        Flag("--since", kind="string", help="Show all events created since timestamp"),
        Flag("--until", kind="string", help="Stream events until this timestamp"),
    ],
    most=0,
)  # fmt: skip
