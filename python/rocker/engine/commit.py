"""`commit`: an image of what a container has changed."""

from __future__ import annotations

import os

from rocker.engine.requests import body, call
from rocker.errors import InvalidArgumentError, NotRunningError
from rocker.images.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from rocker.engine.container import Container
    from rocker.images.register import NewLayer
    from rocker.images.store import Draft


def commit(
    container: Container,
    reference: str | None,
    *,
    author: str,
    message: str,
    changes: Iterable[str],
    pause: bool,
) -> str:
    """Make an image; see `Container.commit`."""
    import json

    from rocker.images.change import apply_changes
    from rocker.images.register import NewImage, NewLayer, register
    from rocker.images.store import Store

    engine = container.engine
    name = Reference.parse(reference) if reference else None
    if name is not None and name.digest is not None:
        raise InvalidArgumentError("refusing to create a tag with a digest reference")
    image = engine.images.get(container.image_id) if container.image_id else None
    base = image.config.document if image is not None else {}
    config = apply_changes(configuration(container, base.get("config") or {}), changes)
    store = Store(engine.catalog.root)
    store.collect(engine.catalog)
    with store.draft(engine.catalog) as draft:
        layers = [
            NewLayer(layer.diff_id, layer.size, layer.blob, layer.blob_size, layer.media_type)
            for layer in (image.layers if image is not None else ())
        ]
        added = _frozen(container, draft, pause=pause)
        layers += [] if added is None else [added]
        document = _document(container, base, config, author=author, message=message)
        document["rootfs"] = {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}
        if added is None:
            document["history"][-1]["empty_layer"] = True
        data = json.dumps(document, separators=(",", ":")).encode()
        image_id = draft.add_bytes(data)
        parent = container.image_id or None
        new = NewImage(image_id, data, layers, [name] if name else [], parent=parent)
        register(engine.catalog, draft, [new])
    return image_id


def configuration(container: Container, base: dict[str, Any]) -> dict[str, Any]:
    """Return the `config` of the new image: the image's, with what the container was made with."""
    from rocker.engine.options import VolumeMount

    config = container.config
    own = [
        mount.target for mount in config.options.mounts if isinstance(mount, VolumeMount) and not mount.name
    ]
    found: dict[str, Any] = {
        **base,
        "Env": [entry for entry in config.env if "=" in entry],
        "Cmd": list(config.cmd) or None,
        "Entrypoint": None if config.entrypoint is None else list(config.entrypoint),
        "User": config.user,
        "WorkingDir": config.workdir,
        "Labels": dict(config.labels) or None,
        "Volumes": {path: {} for path in (*config.volumes, *own)} or None,
        "ExposedPorts": {port: {} for port in config.exposed_ports} or None,
    }
    if config.options.stop_signal:
        found["StopSignal"] = config.options.stop_signal
    return {key: value for key, value in found.items() if value not in (None, "", [], {})}


def _document(
    container: Container, base: dict[str, Any], config: dict[str, Any], *, author: str, message: str
) -> dict[str, Any]:
    from datetime import UTC, datetime

    from rocker.images.import_ import host_architecture

    created = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    step = {"created": created, "created_by": " ".join(container.config.args)}
    step |= {key: value for key, value in (("author", author), ("comment", message)) if value}
    kept = {key: base[key] for key in ("architecture", "os", "os.version", "variant") if base.get(key)}
    document: dict[str, Any] = {"architecture": host_architecture(), "os": "linux", **kept}
    document |= {key: value for key, value in (("author", author), ("comment", message)) if value}
    return {**document, "config": config, "created": created, "history": [*(base.get("history") or []), step]}


def _frozen(container: Container, draft: Draft, *, pause: bool) -> NewLayer | None:
    """The new layer, taken while the container stands still, if that is wanted and it runs."""
    if not pause or container.status != "running":
        return _layer(container, draft, changing=container.status == "running")
    engine = container.engine
    try:
        # A frozen container whose `commit` was killed would stay so: its shim thaws it when the connection ends.
        hold = engine.core.request(engine.run_root, container.id, body("pause", hold=True))
    except NotRunningError:  # it has ended meanwhile
        return _layer(container, draft, changing=False)
    try:
        return _layer(container, draft, changing=False)
    finally:
        try:
            call(container, "resume")
        finally:
            hold.close()


def _layer(container: Container, draft: Draft, *, changing: bool) -> NewLayer | None:
    """What the container has changed; all it has, if it was made of a directory; None when that is nothing."""
    from rocker import _core
    from rocker.images.archive import layer_media_type
    from rocker.images.register import NewLayer

    engine = container.engine
    upper = f"{engine.directory(container.id)}/upper"
    if container.image_id and not (os.path.isdir(upper) and os.listdir(upper)):
        return None
    path = draft.new_path()
    out = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        if container.image_id:
            _core.layer_pack(upper, out, whiteouts=True, changing=changing)
        else:
            container.export(out)
        os.lseek(out, 0, os.SEEK_SET)
        digest, size = _core.digest_file(out)
    finally:
        os.close(out)
    draft.adopt_blob(path, digest)
    diff_id, unpacked = draft.add_layer(digest, None)
    return NewLayer(diff_id, unpacked, digest, size, layer_media_type(draft.blob_path(digest)))
