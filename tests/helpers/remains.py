"""What an engine has on this machine and in its catalogue, by kind: to be compared before and after."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from rocker import _core

if TYPE_CHECKING:
    import rocker
    from helpers.engine import EngineRoots

    Remains = dict[str, frozenset[str]]

# What identifies a row; times and hints change.
ROWS = {
    "containers": "id",
    "endpoints": "container_id || ' on ' || network_id",
    "images": "id",
    "layers": "diff_id",
    "leases": "hex(address) || ' of ' || coalesce(container_id, network_id)",
    "networks": "id",
    "tags": "reference",
    "volume_uses": "container_id || ' at ' || target",
    "volumes": "name",
}
DATA = ("blobs/sha256", "containers", "layers/sha256", "tmp", "volumes")
RUN = ("containers", "networks", "networks/*")


def remains(engine: rocker.Engine, roots: EngineRoots) -> Remains:
    """Rows, files, links, and elements of the table, as texts."""
    found = {
        f"row of {table}": frozenset(
            str(row[0])
            for row in engine.catalog.query(f"SELECT {key} FROM {table}")  # noqa: S608
        )
        for table, key in ROWS.items()
    }
    for base, places in ((roots.root, DATA), (roots.run, RUN)):
        for place in places:
            found[f"file of {place}"] = frozenset(str(path) for path in base.glob(f"{place}/*"))
    bridges = roots.bridges()
    found["link"] = frozenset(name for name in _core.links() if name in bridges or _master(name) in bridges)
    found["element"] = frozenset(_elements(roots.table()))
    return found


def differences(before: Remains, now: Remains) -> list[str]:
    """What is new and what is missing, a line each."""
    lines = []
    for kind in before:
        lines += [f"left: {kind}: {one}" for one in sorted(now[kind] - before[kind])]
        lines += [f"lost: {kind}: {one}" for one in sorted(before[kind] - now[kind])]
    return lines


def _master(link: str) -> str:
    try:
        return Path(f"/sys/class/net/{link}/master").readlink().name
    except OSError:
        return ""


def _elements(table: str) -> list[str]:
    done = subprocess.run(
        ["nft", "-j", "list", "table", "inet", table], capture_output=True, check=False, timeout=60
    )
    if done.returncode:
        return []
    sets = [
        part[kind] for part in json.loads(done.stdout)["nftables"] for kind in ("set", "map") if kind in part
    ]
    return [f"{one['name']} {json.dumps(element)}" for one in sets for element in one.get("elem", [])]
