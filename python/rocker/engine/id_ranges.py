"""Which ids of the host the users of a container with a user namespace of its own have.

The pool is what /etc/subuid and /etc/subgid give the user `rocker`, else `containers` (as Podman has it), else
`DEFAULT_POOL`. A range belongs to a container from its creation to its removal: the catalogue remembers it, and two
containers have the same one only if they share their namespace.
"""

from __future__ import annotations

from rocker.errors import ConflictError, InvalidArgumentError
from rocker.parse.userns import DEFAULT_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from rocker.engine.engine import Engine

    Span = tuple[int, int]

DEFAULT_POOL = (1 << 31, (1 << 32) - DEFAULT_SIZE)
"""First id and the one after the last: above what useradd(8) and systemd give to people, services and containers
(<https://systemd.io/UIDS-GIDS>), and without the 16 bits that end in 2^32-1, which is no id."""

USERS = ("rocker", "containers")
_SUBUID, _SUBGID = "/etc/subuid", "/etc/subgid"


def lease(engine: Engine, db: sqlite3.Connection, id: str, size: int) -> Span:  # noqa: A002
    """Take the first free range, in the caller's transaction; return its first id and its size.

    Raises:
        ConflictError: there is none.
    """
    taken = db.execute("SELECT start, size FROM id_ranges ORDER BY start").fetchall()
    start = choose(pools(), taken, size, seed=engine.root)
    db.execute("INSERT INTO id_ranges (container_id, start, size) VALUES (?, ?, ?)", (id, start, size))
    return start, size


def share(db: sqlite3.Connection, id: str, lender: str) -> None:  # noqa: A002
    """Give a container the range of another one."""
    db.execute(
        "INSERT INTO id_ranges (container_id, start, size) SELECT ?, start, size FROM id_ranges WHERE container_id = ?",
        (id, lender),
    )


def find(engine: Engine, id: str) -> Span | None:  # noqa: A002
    """Return the first id and the size of a container's range; None for one that has the host's ids."""
    rows = engine.catalog.query("SELECT start, size FROM id_ranges WHERE container_id = ?", (id,))
    return (int(str(rows[0][0])), int(str(rows[0][1]))) if rows else None


def choose(found: Sequence[Span], taken: Iterable[Span], size: int, *, seed: str) -> int:
    """Return the first id of a free range.

    Args:
        found: the pools: first id and the one after the last.
        taken: what is in use, in order: first id and size.
        size: how many are wanted.
        seed: the data root. Engines know nothing of each other: each begins at its own place in a pool.

    Raises:
        ConflictError: nothing is left.
    """
    spans = [(start, start + length) for start, length in taken]
    for low, high in found:
        middle = low + _place(seed, (high - low) // DEFAULT_SIZE) * DEFAULT_SIZE
        for begin, end in ((middle, high), (low, high)):
            start = _first_free(begin, end, spans, size)
            if start is not None:
                return start
    raise ConflictError(
        f"could not find {size} unused ids for the container's user namespace",
        hint=f"remove containers, or give {USERS[0]} more of them in {_SUBUID} and {_SUBGID}",
    )


def _place(seed: str, places: int) -> int:
    from zlib import crc32

    return crc32(seed.encode()) % places if places > 1 else 0


def _first_free(begin: int, end: int, taken: Sequence[Span], size: int) -> int | None:
    at = begin
    for low, high in taken:
        if high <= at:
            continue
        if at + size <= low:
            break
        at = high
    return at if at + size <= end else None


def pools(subuid: str = _SUBUID, subgid: str = _SUBGID) -> list[Span]:
    """Return the pools; of those files only what is the same for users and groups.

    Raises:
        InvalidArgumentError: one of the files gives ids and the other does not.
    """
    for user in USERS:
        uids, gids = _given(subuid, user), _given(subgid, user)
        if not (uids or gids):
            continue
        both = [
            (max(low, other_low), min(high, other_high))
            for low, high in uids
            for other_low, other_high in gids
            if max(low, other_low) < min(high, other_high)
        ]
        if not both:
            raise InvalidArgumentError(
                f"{subuid} and {subgid} give the user {user!r} no ids in common",
                hint=f"write the same line into both: {user}:{DEFAULT_POOL[0]}:{DEFAULT_POOL[1] - DEFAULT_POOL[0]}",
                path=subgid if uids else subuid,
            )
        return both
    return [DEFAULT_POOL]


def _given(path: str, user: str) -> list[Span]:
    """Read subuid(5); lines that are none are passed over, as by newuidmap(1)."""
    from rocker.engine.files import read

    found = []
    for line in read(path).splitlines():
        fields = line.strip().split(":")
        if len(fields) == 3 and fields[0] == user and fields[1].isdecimal() and fields[2].isdecimal():  # noqa: PLR2004
            low = int(fields[1])
            # The host's root is nobody's, and 2^32-1 is no id.
            span = (max(low, 1), min(low + int(fields[2]), (1 << 32) - 1))
            if span[0] < span[1]:
                found.append(span)
    return found
