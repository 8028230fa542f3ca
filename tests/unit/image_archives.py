"""Small images and archives for the tests of `rocker.images`."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import Any

import pytest


def require_core() -> None:
    """Skip while the extension has no layers yet."""
    core = pytest.importorskip("rocker._core", reason="rocker._core is not built")
    if not hasattr(core, "layer_apply"):
        pytest.skip("rocker._core has no layer_apply")


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(files: dict[str, bytes], links: dict[str, str] | None = None, mode: int = 0o644) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(data), mode
            archive.addfile(header, io.BytesIO(data))
        for name, target in (links or {}).items():
            header = tarfile.TarInfo(name)
            header.type = tarfile.SYMTYPE
            header.linkname = target
            archive.addfile(header)
    return out.getvalue()


def config(*layers: bytes, **extra: Any) -> bytes:
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-11-23T23:04:05Z",
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"], "Labels": {"a": "b"}},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [
            {"created": "2026-11-23T23:04:05Z", "created_by": f"step {n}"} for n in range(len(layers))
        ],
    }
    return json.dumps({**document, **extra}).encode()


def docker_archive(
    *layers: bytes, tags: list[str] | None = None, document: bytes | None = None
) -> dict[str, bytes]:
    """Members of an archive as Docker before 25 wrote it."""
    data = document or config(*layers)
    files = {f"l{n}/layer.tar": layer for n, layer in enumerate(layers)}
    name = digest(data)[7:] + ".json"
    entry = {"Config": name, "RepoTags": tags, "Layers": list(files)}
    return {**files, name: data, "manifest.json": json.dumps([entry]).encode()}


def oci_archive(*blobs: bytes, document: bytes, name: str | None = None) -> dict[str, bytes]:
    """Members of an OCI layout of one image; `blobs` are the layers, compressed or not."""
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": {"mediaType": "c", "digest": digest(document), "size": len(document)},
            "layers": [{"mediaType": "l", "digest": digest(blob), "size": len(blob)} for blob in blobs],
        }
    ).encode()
    entry: dict[str, Any] = {"mediaType": "m", "digest": digest(manifest), "size": len(manifest)}
    if name:
        entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    files = {f"blobs/sha256/{digest(blob)[7:]}": blob for blob in (*blobs, document, manifest)}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    return {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": index, **files}
