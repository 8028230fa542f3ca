"""`rocker system df --verbose`: every image, container and volume, as tables or through a template."""

from __future__ import annotations

import time

from rocker.cli import images as images_command
from rocker.cli import ps as ps_command
from rocker.cli import volume_ls as volumes_command
from rocker.formatting.table import Listing, render_columns
from rocker.formatting.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.models.prune import DiskUsage

    Section = tuple[Listing, list[Any]]

_CACHE = ["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"]


def render(usage: DiskUsage, form: str) -> str:
    """Return the text for `--format form`: tables, or a template of `Images`, `Containers`, `Volumes`, `BuildCache`.

    Raises:
        InvalidArgumentError: the template is wrong.
    """
    tables = form in ("", "table")
    images, containers, volumes = (
        _images(usage, truncate=tables), _containers(usage, truncate=tables), _volumes(usage),
    )  # fmt: skip
    if tables:
        return "\n".join([
            f"Images space usage:\n\n{_table(images)}",
            f"\nContainers space usage:\n\n{_table(containers)}",
            f"\nLocal Volumes space usage:\n\n{_table(volumes)}",
            f"\nBuild cache usage: {human_size(0, 4)}\n\n{render_columns([_CACHE])}",
        ])  # fmt: skip
    from rocker.formatting.template import Template
    from rocker.formatting.template.values import Record

    lists: dict[str, Any] = {
        "Images": _records(images),
        "Containers": _records(containers),
        "Volumes": _records(volumes),
        "BuildCache": [],
    }
    text = "{{json .}}" if form == "json" else form.replace("\\t", "\t").replace("\\n", "\n")
    return Template(text).render(Record("*formatter.diskUsageContext", lists))


def _table(section: Section) -> str:
    listing, rows = section
    return "\n".join(listing.render(rows))


def _records(section: Section) -> list[dict[str, Any]]:
    listing, rows = section
    return [listing.record(row) for row in rows]


def _images(usage: DiskUsage, *, truncate: bool) -> Section:
    """A row for each image, by its first name."""
    listing = images_command.listing(time.time(), truncate=truncate, digests=False)
    fields = {
        **listing.fields,
        "SharedSize": lambda row: human_size(row["SharedSize"], 4),
        "UniqueSize": lambda row: human_size(row["Size"] - row["SharedSize"], 4),
    }
    columns = ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"]
    rows = [images_command.names(dict(image), {}, digests=False)[0] for image in usage["Images"]]
    return Listing(listing.headers, fields, columns, go_type=listing.go_type), rows


def _containers(usage: DiskUsage, *, truncate: bool) -> Section:
    listing = ps_command.listing(time.time(), truncate=truncate, size=True)
    # Without the image's bytes: those are the image's row.
    fields = {**listing.fields, "Size": lambda row: human_size(row["SizeRw"], 3)}
    columns = ["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"]
    return Listing(listing.headers, fields, columns, go_type=listing.go_type), list(usage["Containers"])


def _volumes(usage: DiskUsage) -> Section:
    listing = volumes_command.listing()
    columns = ["Name", "Links", "Size"]
    return Listing(listing.headers, listing.fields, columns, go_type=listing.go_type), list(usage["Volumes"])
