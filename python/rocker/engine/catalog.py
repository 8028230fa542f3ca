"""The catalogue: what images and containers there are, in one SQLite database below the data root.

    Catalog(root)                  opens it; makes or migrates it when needed
    with catalog.write() as db:    one transaction; nested ones join the outer one
    catalog.insert_container(row)  … get_by_ref, list_containers, rename_container, delete_container

The state of containers is not in here: that is `state.json`. Any number of processes and threads may use one
catalogue at once; SQLite's own locks keep processes apart, a lock in the object keeps threads apart. No call
starts a process.
"""

from __future__ import annotations

import os
from _thread import RLock

from rocker.errors import ContainerNotFoundError, InvalidArgumentError, NameInUseError

# `typing`, `threading` and the Python half of `sqlite3` (it loads `datetime`) would be 10 ms of a cold start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self
else:
    import _sqlite3 as sqlite3

_VERSION = 4
"""`migrations.LATEST`, repeated so that opening an up-to-date catalogue does not import the migrations."""

_BUSY_SECONDS = 30.0
_CHECKPOINT_PAGES = 200
"""The first opener reads the whole log (0.4 us a page): short is worth more than rare syncs."""

_CANDIDATES = 5
_COLUMNS = "id, name, image_id, image_ref, created_ns, auto_remove, config"
_ID_LENGTH = 64
_HEX = frozenset("0123456789abcdef")


class ContainerRow:
    """One container as the catalogue knows it.

    Attributes:
        id: 64 lower-case hex digits.
        name: unique; without a leading slash.
        image_id: `sha256:<hex>`, or empty for a container from a plain directory.
        image_ref: the image as the user named it.
        created_ns: nanoseconds since the epoch.
        auto_remove: whether it goes when it ends.
        config: a JSON document; the engine's business.
    """

    __slots__ = ("auto_remove", "config", "created_ns", "id", "image_id", "image_ref", "name")

    def __init__(  # noqa: PLR0917 -- the order of the columns
        self,
        id: str,  # noqa: A002 -- the field's word
        name: str,
        image_id: str,
        image_ref: str,
        created_ns: int,
        auto_remove: bool,
        config: str,
    ) -> None:
        self.id = id
        self.name = name
        self.image_id = image_id
        self.image_ref = image_ref
        self.created_ns = created_ns
        self.auto_remove = auto_remove
        self.config = config

    def __repr__(self) -> str:
        return f"ContainerRow({self.id[:12]!r}, {self.name!r}, {self.image_ref!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ContainerRow):
            return NotImplemented
        return all(getattr(self, field) == getattr(other, field) for field in self.__slots__)

    __hash__ = None  # type: ignore[assignment]  # mutable


class Catalog:
    """The catalogue of one data root.

    Args:
        root: the data root; made with mode 0700 when absent.

    Raises:
        UnsupportedError: the database was made by a newer rocker.
        CorruptError: the file is no database.
        NoSpaceError: there is no room to make it.
        DeniedError: it may not be read or written.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = os.fspath(root)
        self.path = os.path.join(self.root, "rocker.db")
        self._lock = RLock()
        self._depth = 0
        self._pid = os.getpid()
        self._guard = -1
        self._db = self._open()

    # --- connection and transactions ---

    def write(self) -> _Write:
        """A context manager: one transaction that holds the write lock from its beginning.

        Committed at the end of the block, rolled back when the block raises. `as` gives the connection.
        Nested blocks (of the same thread) belong to the outermost one.

        Raises:
            NoSpaceError: the disk is full.
            TimeoutError: another process held the lock for 30 s.
        """
        return _Write(self)

    def query(self, sql: str, parameters: Iterable[object] = ()) -> list[tuple[object, ...]]:
        """All rows of a SELECT, as tuples."""
        try:
            with self._lock:
                return self._connection().execute(sql, tuple(parameters)).fetchall()
        except sqlite3.Error as error:
            raise _translate(error, self.path, "read the catalogue") from error

    def close(self) -> None:
        """Close the connection; the object cannot be used afterwards."""
        with self._lock:
            if self._pid == os.getpid():
                self._db.close()
                os.close(self._guard)
                self._guard = -1
                self._pid = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connection(self) -> sqlite3.Connection:
        if self._pid != os.getpid():
            if self._pid == 0:
                raise InvalidArgumentError("the catalogue is closed", path=self.path)
            # A fork's child: SQLite's locks are the parent's, so the connection is leaked, not closed.
            _LEAKED.append(self._db)
            self._pid = os.getpid()
            self._depth = 0
            self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        try:
            self._guard = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            self._guard = self._make()
        except OSError as error:
            raise _from_os(error, "open the catalogue") from error
        db: sqlite3.Connection | None = None
        try:
            db = sqlite3.connect(self.path, _BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            if db.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                self._migrate(db)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("PRAGMA foreign_keys = ON")
            db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            _hold_shared(self._guard)
        except BaseException as error:
            if db is not None:
                db.close()
            os.close(self._guard)
            if isinstance(error, sqlite3.Error):
                raise _translate(error, self.path, "open the catalogue") from error
            raise
        return db

    def _make(self) -> int:
        try:
            os.makedirs(self.root, mode=0o700, exist_ok=True)
            return os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_CREAT, 0o600)
        except OSError as error:
            raise _from_os(error, "make the catalogue") from error

    def _migrate(self, db: sqlite3.Connection) -> None:
        from rocker.engine import migrations

        # SQLite does not wait when two processes switch a new database to WAL: the lock makes it wait.
        lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
            found = db.execute("PRAGMA user_version").fetchone()[0]
            if found > migrations.LATEST:
                from rocker.errors import UnsupportedError

                raise UnsupportedError(
                    f"catalogue {self.path!r} has schema version {found}, "
                    f"this rocker knows up to {migrations.LATEST}",
                    hint="a newer rocker made it: upgrade rocker, or choose another data root with --root",
                    path=self.path,
                    step="open the catalogue",
                )
            db.execute("PRAGMA journal_mode = WAL")
            for version in range(found + 1, migrations.LATEST + 1):
                db.execute("BEGIN IMMEDIATE")
                try:
                    for statement in migrations.statements(version):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {version}")
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
        finally:
            os.close(lock)

    # --- containers ---

    def insert_container(self, row: ContainerRow) -> None:
        """Add a container.

        Raises:
            NameInUseError: another container has its name.
        """
        with self.write() as db:
            try:
                db.execute(
                    f"INSERT INTO containers ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                    (
                        row.id,
                        row.name,
                        row.image_id,
                        row.image_ref,
                        row.created_ns,
                        row.auto_remove,
                        row.config,
                    ),
                )
            except sqlite3.IntegrityError:
                self._refuse_name(db, row.name)
                raise

    def rename_container(self, id: str, name: str) -> None:  # noqa: A002
        """Give a container, named by its full id, another name.

        Raises:
            NameInUseError: another container has that name.
            ContainerNotFoundError: there is no such container.
        """
        with self.write() as db:
            try:
                cursor = db.execute("UPDATE containers SET name = ? WHERE id = ?", (name, id))
            except sqlite3.IntegrityError:
                self._refuse_name(db, name)
                raise
            if cursor.rowcount == 0:
                raise _no_such_container(id)

    def update_container(self, id: str, config: str, *, auto_remove: bool | None = None) -> None:  # noqa: A002
        """Replace a container's configuration (JSON), and `auto_remove` when it is given.

        Raises:
            ContainerNotFoundError: there is no such container.
        """
        with self.write() as db:
            cursor = db.execute(
                "UPDATE containers SET config = ?, auto_remove = coalesce(?, auto_remove) WHERE id = ?",
                (config, auto_remove, id),
            )
            if cursor.rowcount == 0:
                raise _no_such_container(id)

    def delete_container(self, id: str) -> bool:  # noqa: A002
        """Forget a container, named by its full id; False when it was not there."""
        with self.write() as db:
            return db.execute("DELETE FROM containers WHERE id = ?", (id,)).rowcount > 0

    def get_by_ref(self, ref: str) -> ContainerRow:
        """The container with this id, else this name, else this beginning of an id.

        Raises:
            ContainerNotFoundError: there is none.
            InvalidArgumentError: several ids begin so, and none is exact.
        """
        name = ref.removeprefix("/")
        rows = self._select("WHERE id = ? OR name = ? LIMIT 2", (ref, name))
        if rows:
            return rows[0] if rows[0].id == ref else rows[-1]
        if ref and len(ref) < _ID_LENGTH and _HEX.issuperset(ref):
            # 'g' sorts right after the last hex digit, so the range holds the ids that begin with `ref`.
            rows = self._select(
                "WHERE id >= ? AND id < ? ORDER BY id LIMIT ?", (ref, ref + "g", _CANDIDATES + 1)
            )
            if len(rows) == 1:
                return rows[0]
            if rows:
                raise _ambiguous(ref, [row.id for row in rows])
        raise _no_such_container(ref)

    def list_containers(self, *, image_id: str | None = None) -> list[ContainerRow]:
        """All containers, or those made from one image (`sha256:<hex>`), newest first."""
        return self._select("WHERE ?1 IS NULL OR image_id = ?1 ORDER BY created_ns DESC, id", (image_id,))

    def container_ids(self) -> list[str]:
        """The ids of all containers, in no order: cheaper than their rows."""
        return [str(row[0]) for row in self.query("SELECT id FROM containers")]

    def _select(self, condition: str, parameters: tuple[object, ...]) -> list[ContainerRow]:
        rows = self.query(f"SELECT {_COLUMNS} FROM containers {condition}", parameters)  # noqa: S608
        return [
            ContainerRow(id_, name, image_id, image_ref, created_ns, bool(auto_remove), config)  # type: ignore[arg-type]
            for id_, name, image_id, image_ref, created_ns, auto_remove, config in rows
        ]

    @staticmethod
    def _refuse_name(db: sqlite3.Connection, name: str) -> None:
        """Raise NameInUseError when a container has this name."""
        holder = db.execute("SELECT id FROM containers WHERE name = ?", (name,)).fetchone()
        if holder is not None:
            raise NameInUseError(
                f'Conflict. The container name "/{name}" is already in use by container "{holder[0]}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )


class _Write:
    """The context manager of `Catalog.write`."""

    __slots__ = ("_catalog",)

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def __enter__(self) -> sqlite3.Connection:
        catalog = self._catalog
        catalog._lock.acquire()  # noqa: SLF001
        try:
            db = catalog._connection()  # noqa: SLF001
            if catalog._depth == 0:  # noqa: SLF001
                db.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            catalog._lock.release()  # noqa: SLF001
            if isinstance(error, sqlite3.Error):
                raise _translate(error, catalog.path, "write the catalogue") from error
            raise
        catalog._depth += 1  # noqa: SLF001
        return db

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        catalog = self._catalog
        db = catalog._db  # noqa: SLF001
        try:
            catalog._depth -= 1  # noqa: SLF001
            if catalog._depth == 0:  # noqa: SLF001
                _finish(db, commit=error is None)
        except sqlite3.Error as failure:
            raise _translate(failure, catalog.path, "write the catalogue") from failure
        finally:
            catalog._lock.release()  # noqa: SLF001
        if isinstance(error, sqlite3.Error):
            raise _translate(error, catalog.path, "write the catalogue") from error


def _finish(db: sqlite3.Connection, *, commit: bool) -> None:
    """End the transaction; a COMMIT that fails is rolled back, so that the next one can begin."""
    try:
        if commit:
            db.execute("COMMIT")
    finally:
        # A full disk makes SQLite roll back by itself: there may be nothing left to end.
        if db.in_transaction:
            db.execute("ROLLBACK")


_LEAKED: list[sqlite3.Connection] = []


def _hold_shared(fd: int) -> None:
    """Keep a read lock on the database file, so that closing the connection never has to sync.

    The last connection to close would check the log into the database and delete it: two fsyncs at the end of
    every `rocker run`. It does so only when it can lock the file exclusively, which this lock prevents. It is
    an "open file description" lock (fcntl(2), Linux 3.15) because those stand against the locks of the same
    process. Bytes: SHARED_FIRST and SHARED_SIZE in SQLite's os.h.
    """
    import fcntl
    import struct

    # struct flock: l_type, l_whence, l_start, l_len, l_pid
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0x40000002, 510, 0))


def _no_such_container(ref: str) -> ContainerNotFoundError:
    return ContainerNotFoundError(f"No such container: {ref}")


def _ambiguous(ref: str, ids: list[str]) -> InvalidArgumentError:
    shown = ", ".join(found[: max(12, len(ref) + 1)] for found in ids[:_CANDIDATES])
    more = ", …" if len(ids) > _CANDIDATES else ""
    return InvalidArgumentError(
        f"multiple IDs found with provided prefix: {ref} ({shown}{more})",
        hint="give more digits of the id, or the name",
    )


def _from_os(error: OSError, step: str) -> Exception:
    from rocker.engine.catalog_errors import from_os

    return from_os(error, step)


def _translate(error: sqlite3.Error, path: str, step: str) -> Exception:
    from rocker.engine.catalog_errors import from_sqlite

    return from_sqlite(error, path, step)
