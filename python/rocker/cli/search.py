"""`rocker search`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import InvalidArgumentError
from rocker.formatting.table import FORMAT_HELP, Listing, gather_filters, parse_filter
from rocker.parse.number import parse_bool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App
    from rocker.registry.search import Found

_HEADERS = {
    "Name": "NAME", "Description": "DESCRIPTION", "StarCount": "STARS", "IsOfficial": "OFFICIAL",
    "IsAutomated": "AUTOMATED",
}  # fmt: skip
_FILTERS = ("is-automated", "is-official", "stars")
_WIDTH = 45
_DEFAULT_LIMIT = 25


def search(app: App, values: Values, arguments: list[str]) -> int:
    """Search Docker Hub, or the registry that the term begins with."""
    from rocker.registry.search import search as ask

    filters = gather_filters(values["filter"], _FILTERS)
    found = [one for one in ask(arguments[0], values["limit"] or _DEFAULT_LIMIT) if _passes(one, filters)]
    table = _listing(truncate=not values["no_trunc"])
    for line in table.render(found, values["format"]):
        app.out(line)
    return 0


def _listing(*, truncate: bool) -> Listing:
    def description(found: Found) -> str:
        text = found.description
        return text[: _WIDTH - 1] + "…" if truncate and len(text) > _WIDTH else text

    fields = {
        "Name": lambda found: found.name,
        "Description": description,
        "StarCount": lambda found: str(found.stars),
        "IsOfficial": lambda found: "[OK]" if found.official else "",
        "IsAutomated": lambda found: "[OK]" if found.automated else "",
    }
    return Listing(
        _HEADERS, fields, ["Name", "Description", "StarCount", "IsOfficial"], go_type="*search.searchContext"
    )


def _passes(found: Found, filters: dict[str, list[str]]) -> bool:
    for name, values in filters.items():
        for value in values:
            if name == "stars":
                if not value.isdecimal():
                    raise InvalidArgumentError(f"invalid filter 'stars={value}'")
                fits = found.stars >= int(value)
            else:
                fits = parse_bool(value) == (found.official if name == "is-official" else found.automated)
            if not fits:
                return False
    return True


def _parse_limit(text: str) -> int:
    if not text.isdecimal() or not text.isascii():
        raise InvalidArgumentError(
            f'invalid argument "{text}" for "--limit" flag: parsing "{text}": invalid syntax'
        )
    return int(text)


COMMAND = DockerCommand(
    "search",
    search,
    usage="[OPTIONS] TERM",
    summary="Search Docker Hub for images, or the registry of [REGISTRY/]TERM",
    flags=[
        Flag(
            "-f",
            "--filter",
            kind="filter",
            parse=parse_filter,
            many=True,
            help="Filter output based on conditions provided",
        ),
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag("--limit", kind="int", parse=_parse_limit, help="Max number of search results"),
        Flag("--no-trunc", help="Don't truncate output"),
    ],
    least=1,
    most=1,
)
