"""Removal of images, with Docker's rules (daemon/images/image_delete.go) and words."""

from __future__ import annotations

from rocker.errors import ConflictError
from rocker.images.digest import of_bytes
from rocker.images.users import users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rocker.images.images import Image, ImageService
    from rocker.images.reference import Reference
    from rocker.images.users import User
    from rocker.models.image import Removal


def remove(
    service: ImageService,
    ref: str,
    *,
    force: bool,
    prune: bool,
    running: Callable[[list[str]], set[str]] | None,
) -> list[Removal]:
    """Remove a name, and the image with its last one; see `ImageService.remove`."""
    from rocker.images.store import Store

    store = Store(service.catalog.root)
    removal = _Removal(service, running)
    with service.catalog.write():
        removal.run(ref, force=force, prune=prune)
    for event in removal.events:
        service.tell(*event)
    if removal.deleted:
        store.collect(service.catalog)
    return removal.records


class _Removal:
    """One removal, inside one transaction."""

    def __init__(self, service: ImageService, running: Callable[[list[str]], set[str]] | None) -> None:
        self.service = service
        self.catalog = service.catalog
        self.running = running
        self.records: list[Removal] = []
        self.events: list[tuple[str, str, Mapping[str, str]]] = []
        """Told once the transaction has come to its end."""
        self.deleted = False

    def run(self, ref: str, *, force: bool, prune: bool) -> None:
        image_id, name = self.service.resolve(ref)
        names = self.service.references(image_id)
        if name is not None:
            if not force and _is_single(names):
                self._refuse_last_name(ref, image_id)
            self._untag_one(name, names)
            # By name, what forbids the removal of the image is no failure: it has lost its name.
            if self.service.references(image_id) or self._conflict(image_id, force=force, names=False):
                return
        elif _is_single(names):
            # By id: its one name goes with it, unless something forbids the removal.
            self._check(image_id, force=force, names=False)
            for one in names:
                self._untag(one)
        self._delete(image_id, force=force, prune=prune)

    def _refuse_last_name(self, ref: str, image_id: str) -> None:
        found = self._users(image_id)
        if found:
            raise ConflictError(
                f'conflict: unable to remove repository reference "{ref}" (must force) - '
                f"container {found[0]} is {_use(found[0])} its referenced image {image_id[7:19]}",
                hint=_hint(found[0]),
            )

    def _untag_one(self, name: Reference, names: list[Reference]) -> None:
        """Remove a name; with a repository's last tag go its digests."""
        stored = name.with_digest(name.digest) if name.digest else name
        self._untag(stored)
        rest = [one for one in names if one != stored and one.name == stored.name]
        if stored.digest is None and all(one.digest for one in rest):
            for one in rest:
                self._untag(one)

    def _untag(self, name: Reference) -> None:
        with self.catalog.write() as db:
            rows = db.execute("SELECT image_id FROM tags WHERE reference = ?", (str(name),)).fetchall()
            db.execute("DELETE FROM tags WHERE reference = ?", (str(name),))
        self.events.extend(("untag", str(row[0]), self.service.labels(str(row[0]))) for row in rows)
        self.records.append({"Untagged": name.familiar})

    def _delete(self, image_id: str, *, force: bool, prune: bool) -> None:
        self._check(image_id, force=force, names=True)
        image = self.service.get(image_id)
        for name in self.service.references(image_id):
            self._untag(name)
        self.events.append(("delete", image_id, image.config.labels))
        with self.catalog.write() as db:
            db.execute("DELETE FROM images WHERE id = ?", (image_id,))
            db.execute("DELETE FROM layers WHERE diff_id NOT IN (SELECT diff_id FROM image_layers)")
        self.deleted = True
        self.records.append({"Deleted": image_id})
        self.records.extend({"Deleted": chain} for chain in self._chains_gone(image))
        if prune and image.parent and self._is_unused(image.parent):
            self._delete(image.parent, force=False, prune=True)

    def _is_unused(self, image_id: str) -> bool:
        exists = self.catalog.query("SELECT 1 FROM images WHERE id = ?", (image_id,))
        return bool(exists) and not (
            self.service.references(image_id) or self._users(image_id) or self._children(image_id)
        )

    def _check(self, image_id: str, *, force: bool, names: bool) -> None:
        """Raise ConflictError when something forbids the removal."""
        if conflict := self._conflict(image_id, force=force, names=names):
            text, user = conflict
            raise ConflictError(f"conflict: unable to delete {image_id[7:19]} {text}", hint=_hint(user))

    def _conflict(self, image_id: str, *, force: bool, names: bool) -> tuple[str, User | None] | None:
        """What forbids the removal, in the order Docker looks, and whom it is needed by."""
        found = self._users(image_id)
        alive = self.running([one.id for one in found]) if self.running and found else set()
        first = next((one for one in found if one.id in alive), None)
        reason = None if first is None else f"image is being {_used(first)} by running container {first}"
        if reason is None and self._children(image_id):
            reason = "image has dependent child images"
        if reason is not None:
            return f"(cannot be forced) - {reason}", first
        if force:
            return None
        if names and self.service.references(image_id):
            return "(must be forced) - image is referenced in multiple repositories", None
        if found:
            reason = f"image is being {_used(found[0])} by stopped container {found[0]}"
            return f"(must be forced) - {reason}", found[0]
        return None

    def _users(self, image_id: str) -> list[User]:
        return users(self.catalog, image_id)

    def _children(self, image_id: str) -> bool:
        return bool(self.catalog.query("SELECT 1 FROM images WHERE parent = ? LIMIT 1", (image_id,)))

    def _chains_gone(self, image: Image) -> list[str]:
        """Chain ids that no image has any more, topmost first: Docker's names of layers."""
        diff_ids = [layer.diff_id for layer in image.layers]
        kept = max((self._common(str(row[0]), diff_ids) for row in self._relatives(diff_ids)), default=0)
        return chain_ids(diff_ids)[kept:][::-1]

    def _relatives(self, diff_ids: list[str]) -> list[tuple[object, ...]]:
        return self.catalog.query(
            "SELECT image_id FROM image_layers WHERE diff_id = ? AND position = 0",
            tuple(diff_ids[:1]) or ("",),
        )

    def _common(self, image_id: str, diff_ids: list[str]) -> int:
        """How many layers, from the lowest, another image has in common."""
        rows = self.catalog.query(
            "SELECT diff_id FROM image_layers WHERE image_id = ? ORDER BY position", (image_id,)
        )
        count = 0
        for (other,), mine in zip(rows, diff_ids, strict=False):
            if other != mine:
                break
            count += 1
        return count


def _use(user: User) -> str:
    return "mounting" if user.mounts else "using"


def _used(user: User) -> str:
    return "mounted" if user.mounts else "used"


def _hint(user: User | None) -> str | None:
    """Which container stands in the way, where `ps` does not tell by its image."""
    return f"remove first what mounts it: rocker rm {user.name}" if user is not None and user.mounts else None


def chain_ids(diff_ids: list[str]) -> list[str]:
    """The chain id of each layer (image-spec config.md, "Layer ChainID")."""
    chains: list[str] = []
    for diff_id in diff_ids:
        chains.append(of_bytes(f"{chains[-1]} {diff_id}".encode()) if chains else diff_id)
    return chains


def _is_single(names: list[Reference]) -> bool:
    """At most one tag, and all names in one repository."""
    tags = sum(name.digest is None for name in names)
    return tags <= 1 and len({name.name for name in names}) <= 1
