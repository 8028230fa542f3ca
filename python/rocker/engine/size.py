"""How much disk a container takes."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.engine.engine import Engine


def sizes(engine: Engine, id: str, image_id: str) -> tuple[int, int]:  # noqa: A002
    """Return the bytes that the container wrote, and those together with its image's layers."""
    own = tree_size(f"{engine.directory(id)}/upper")
    found = engine.catalog.query("SELECT size FROM images WHERE id = ?", (image_id,))
    image = int(str(found[0][0])) if found else 0
    return own, own + image


def tree_size(path: str) -> int:
    """Return the bytes of the files below a directory; a file with several names counts once."""
    total = 0
    seen: set[tuple[int, int]] = set()
    waiting = [path]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:  # it may go while it is counted
            continue
        with entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif found.st_nlink == 1 or (found.st_dev, found.st_ino) not in seen:
                    seen.add((found.st_dev, found.st_ino))
                    total += found.st_size
    return total
