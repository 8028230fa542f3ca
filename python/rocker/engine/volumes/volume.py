"""One volume, as an object with the verbs."""

from __future__ import annotations

from rocker.models.jsontext import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocker.engine.engine import Engine
    from rocker.models.volume import VolumeInspect

COLUMNS = "name, driver, options, labels, anonymous, created_ns"
"""Of a row, in the order that `Volume.of_row` takes."""


class Volume:
    """A volume; made by `engine.volumes`.

    Attributes:
        engine: where it lives.
        name: unique.
        driver: `local`.
        options: the driver's: `type`, `o` and `device`, or none.
        labels: by name.
        anonymous: whether it was made for a container that named none.
        created_ns: nanoseconds since the epoch.
    """

    def __init__(  # noqa: PLR0917 -- the order of the columns
        self,
        engine: Engine,
        name: str,
        driver: str,
        options: Mapping[str, str],
        labels: Mapping[str, str],
        anonymous: bool,
        created_ns: int,
    ) -> None:
        self.engine = engine
        self.name = name
        self.driver = driver
        self.options = options
        self.labels = labels
        self.anonymous = anonymous
        self.created_ns = created_ns

    @staticmethod
    def of_row(engine: Engine, row: tuple[object, ...]) -> Volume:
        """Make it from a row of the catalogue."""
        name, driver, options, labels, anonymous, created_ns = row
        return Volume(
            engine, str(name), str(driver), decode(str(options)), decode(str(labels)), bool(anonymous),
            int(str(created_ns)),
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Volume {self.name}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Volume) and (other.name, other.engine.root) == (self.name, self.engine.root)

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def mountpoint(self) -> str:
        """The directory with its content on the host; empty for what the driver mounts elsewhere."""
        return f"{directory(self.engine, self.name)}/_data"

    def containers(self) -> list[str]:
        """Return the ids of the containers that use it, running or not."""
        return users(self.engine, self.name)

    def inspect(self) -> VolumeInspect:
        """Return Docker's `GET /volumes/{name}`."""
        return {
            "CreatedAt": _time(self.created_ns),
            "Driver": self.driver,
            "Labels": dict(self.labels) or None,
            "Mountpoint": self.mountpoint,
            "Name": self.name,
            "Options": dict(self.options) or None,
            "Scope": "local",
        }

    def remove(self, *, force: bool = False) -> None:
        """Remove it with its content; `force` does not mind when it has gone.

        Raises:
            ConflictError: a container uses it, running or not.
            VolumeNotFoundError: there is none of this name any more.
        """
        from rocker.engine.volumes.remove import remove

        remove(self.engine, self.name, force=force)


def _time(moment_ns: int) -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment_ns // 10**9))


def directory(engine: Engine, name: str) -> str:
    """Return a volume's directory; its content is in `_data` below."""
    return f"{engine.root}/volumes/{name}"


def users(engine: Engine, name: str) -> list[str]:
    """Return the ids of the containers that use a volume, oldest first."""
    rows = engine.catalog.query(
        "SELECT DISTINCT container_id, created_ns FROM volume_uses JOIN containers ON id = container_id "
        "WHERE volume = ? ORDER BY created_ns, id",
        (name,),
    )
    return [str(row[0]) for row in rows]
