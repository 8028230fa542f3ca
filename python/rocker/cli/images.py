"""`rocker images`: list images."""

from __future__ import annotations

import time

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.engine.filters import label_fits
from rocker.errors import InvalidArgumentError
from rocker.formatting.table import FORMAT_HELP, Listing, gather_filters, parse_filter
from rocker.formatting.units import ago, human_size, short_id
from rocker.parse.number import parse_bool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.cli.app import App

_FILTERS = ("before", "dangling", "label", "reference", "since", "until")
_HEADERS = {
    "Containers": "CONTAINERS", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED", "Digest": "DIGEST",
    "ID": "IMAGE ID", "Repository": "REPOSITORY", "SharedSize": "SHARED SIZE", "Size": "SIZE", "Tag": "TAG",
    "UniqueSize": "UNIQUE SIZE", "VirtualSize": "VIRTUAL SIZE",
}  # fmt: skip
_NONE = "<none>"


def images(app: App, values: Values, arguments: list[str]) -> int:
    """List images, a line for each name."""
    filters = gather_filters(values["filter"], _FILTERS)
    if arguments:
        filters.setdefault("reference", []).append(arguments[0])
    found = [dict(row) for row in app.engine.images.list()]
    rows = [
        name
        for image in select(found, filters, app)
        for name in names(image, filters, digests=values["digests"])
    ]
    table = listing(time.time(), truncate=not values["no_trunc"], digests=values["digests"])
    if values["quiet"]:
        rows = list({row["Id"]: row for row in rows}.values())
    for line in table.render(rows, values["format"], quiet="ID" if values["quiet"] else ""):
        app.out(line)
    return 0


def listing(now: float, *, truncate: bool, digests: bool) -> Listing:
    """The columns of `images`, as of `now` in seconds since the epoch."""
    fields = {
        "ID": lambda row: short_id(row["Id"]) if truncate else row["Id"],
        "Repository": lambda row: row["Repository"],
        "Tag": lambda row: row["Tag"],
        "Digest": lambda row: row["Digest"],
        "CreatedSince": lambda row: ago(row["Created"], now) if row["Created"] > 0 else "N/A",
        "CreatedAt": lambda row: time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(row["Created"])),
        "Size": lambda row: human_size(row["Size"], 3),
        "VirtualSize": lambda row: human_size(row["Size"], 3),
        "SharedSize": lambda _row: "N/A",
        "UniqueSize": lambda _row: "N/A",
        "Containers": lambda row: str(row["Containers"]) if row["Containers"] >= 0 else "N/A",
    }
    middle = ["Digest"] if digests else []
    return Listing(
        _HEADERS,
        fields,
        ["Repository", "Tag", *middle, "ID", "CreatedSince", "Size"],
        go_type="*formatter.imageContext",
    )


def select(found: list[dict[str, Any]], filters: dict[str, list[str]], app: App) -> list[dict[str, Any]]:
    """The images that pass the filters, newest first. Raises InvalidArgumentError, ImageNotFoundError."""
    chosen = sorted(found, key=lambda image: image["Created"], reverse=True)
    for name, values in filters.items():
        for value in values:
            chosen = [image for image in chosen if _passes(image, name, value, app)]
    return chosen


def _passes(image: dict[str, Any], name: str, value: str, app: App) -> bool:
    if name == "dangling":
        try:
            return parse_bool(value) != bool(image["RepoTags"])
        except InvalidArgumentError:
            raise InvalidArgumentError(f"invalid filter 'dangling={value}'") from None
    if name == "label":
        return label_fits(image["Labels"] or {}, value)
    if name == "until":
        from rocker.parse.duration import parse_time

        return bool(image["Created"] * 1_000_000_000 < parse_time(value, time.time_ns()))
    if name in ("before", "since"):
        other = app.engine.images.inspect(value)
        if other["Id"] == image["Id"]:
            return False
        from rocker.parse.duration import parse_time

        moment = parse_time(other["Created"], 0) // 1_000_000_000
        return bool(image["Created"] < moment if name == "before" else image["Created"] > moment)
    return any(matches(reference, value) for reference in [*image["RepoTags"], *image["RepoDigests"]])


def matches(reference: str, pattern: str) -> bool:
    """Whether `repository[:tag]` has the shape of the pattern; `*` does not cross a slash."""
    import re

    repository, tag = _split(reference)
    expression = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return any(re.fullmatch(expression, text) for text in (repository, f"{repository}:{tag}", reference))


def _split(reference: str) -> tuple[str, str]:
    repository, _, tag = reference.rpartition(":")
    return (reference, _NONE) if not repository or "/" in tag else (repository, tag)


def names(image: dict[str, Any], filters: dict[str, list[str]], *, digests: bool) -> list[dict[str, Any]]:
    """A row for each name of an image, one without a name for none."""
    wanted = filters.get("reference")
    tags = [
        tag for tag in image["RepoTags"] if not wanted or any(matches(tag, pattern) for pattern in wanted)
    ]
    by_repository = dict(digest.split("@", 1) for digest in image["RepoDigests"])
    rows = []
    for tag in tags:
        repository, name = _split(tag)
        rows.append(
            {**image, "Repository": repository, "Tag": name, "Digest": by_repository.get(repository, _NONE)}
        )
    if not rows:
        repository, digest = next(iter(by_repository.items()), (_NONE, _NONE))
        rows.append({**image, "Repository": repository, "Tag": _NONE, "Digest": digest if digests else _NONE})
    return rows


COMMAND = DockerCommand(
    "images",
    images,
    usage="[OPTIONS] [REPOSITORY[:TAG]]",
    summary="List images",
    aliases=["rocker image ls", "rocker image list", "rocker images"],
    flags=[
        Flag("-a", "--all", help="Show all images (default hides intermediate images)"),
        Flag("--digests", help="Show digests"),
        Flag(
            "-f",
            "--filter",
            kind="filter",
            parse=parse_filter,
            many=True,
            offers=_FILTERS,
            help="Filter output based on conditions provided",
        ),
        Flag("--format", kind="string", default="", help=FORMAT_HELP),
        Flag("--no-trunc", help="Don't truncate output"),
        Flag("-q", "--quiet", help="Only show image IDs"),
    ],
    most=1,
)
