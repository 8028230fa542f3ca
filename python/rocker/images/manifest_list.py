"""`manifest`: documents of registries looked at, and lists of them made here and pushed.

A list in the making is one file below `<root>/manifests/`, named by the digest of its name; it holds the manifests
themselves, so that a push needs what it was made from only for the blobs.
"""

from __future__ import annotations

import base64
import json
import os

from rocker.engine.catalog_errors import from_os
from rocker.errors import (
    ConflictError,
    DeniedError,
    ImageNotFoundError,
    InvalidArgumentError,
    RockerError,
)
from rocker.images import manifest as formats
from rocker.images.config import parse_object
from rocker.images.digest import of_bytes
from rocker.images.media_types import DOCKER_CONFIG, DOCKER_LIST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from rocker.images.reference import Reference
from rocker.registry.client import Client
from rocker.registry.conf import Conf
from rocker.registry.errors import MissingError, RefusedError
from rocker.registry.source import sources
from rocker.registry.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_MAX_FILE = 64 << 20
_MAX_ENTRIES = 1000


class Entry:
    """One manifest with its platform.

    Attributes:
        reference: where it is.
        descriptor: media type, digest, size, platform.
        data: the manifest, byte for byte.
    """

    __slots__ = ("data", "descriptor", "reference")

    def __init__(self, reference: Reference, descriptor: dict[str, Any], data: bytes) -> None:
        self.reference = reference
        self.descriptor = descriptor
        self.data = data

    def verbose(self) -> dict[str, Any]:
        """What `docker manifest inspect --verbose` shows of it."""
        oci = self.descriptor["mediaType"] == OCI_MANIFEST
        return {
            "Ref": str(self.reference),
            "Descriptor": self.descriptor,
            "Raw": base64.b64encode(self.data).decode(),
            "OCIManifest" if oci else "SchemaV2Manifest": json.loads(self.data),
        }


class ManifestLists:
    """The lists in the making below one data root.

    Args:
        root: the data root.
        insecure: registries may be spoken to without TLS, or without verification.
    """

    def __init__(self, root: str, *, insecure: bool = False) -> None:
        self._directory = f"{root}/manifests"
        self._insecure = insecure

    # --- looked at ---

    def inspect(self, text: str) -> tuple[bytes, bool]:
        """The document of a name, a list in the making before one of a registry; and whether it is a list.

        Raises:
            ImageNotFoundError: there is none.
        """
        reference = Reference.parse(text)
        entries = self.read(reference)
        if entries is not None:
            return _list_of(entries), True
        found = self._fetch(reference)
        document = formats.parse(found.data, found.media_type, f"manifest of {reference.familiar}")
        return found.data, isinstance(document, formats.Index)

    def entries(self, text: str, within: str | None = None) -> list[Entry]:
        """The manifests of a name, one by one, with their platforms.

        Args:
            text: a list in the making, or a name at a registry; with `within` one manifest of that list.
            within: a list in the making.

        Raises:
            ImageNotFoundError: there is none.
        """
        reference = Reference.parse(text)
        if within is not None:
            return [self._find(Reference.parse(within), reference)]
        known = self.read(reference)
        if known is not None:
            return known
        with self._client(reference) as client:
            return list(_manifests(client, reference))

    def referrers(self, text: str) -> bytes:
        """The index of what refers to a name's manifest: signatures, lists of materials.

        The registry's own answer, else the tag that the OCI distribution specification has for others ("Referrers Tag
        Schema"), else an empty index.
        """
        reference = Reference.parse(text)
        with self._client(reference) as client:
            digest = reference.digest or client.manifest(str(reference.tag)).digest
            try:
                data = client.referrers(digest)
            except MissingError:
                try:
                    data = client.manifest(digest.replace(":", "-")).data
                except MissingError:
                    data = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}).encode()
        formats.parse(data, OCI_INDEX, f"referrers of {reference.familiar}")
        return data

    # --- made ---

    def create(self, text: str, manifests: list[str], *, amend: bool = False) -> Reference:
        """Begin a list, or with `amend` add to one.

        Raises:
            ConflictError: there is one of this name.
            ImageNotFoundError: a manifest is not at its registry. InvalidArgumentError: it is a list itself.
        """
        reference = Reference.parse(text)
        known = self.read(reference)
        if known is not None and not amend:
            raise ConflictError("refusing to amend an existing manifest list with no --amend flag")
        entries = {str(one.reference): one for one in known or []}
        for name in manifests:
            part = Reference.parse(name)
            with self._client(part) as client:
                found = list(_manifests(client, part))
            if len(found) != 1 or found[0].reference != part:
                raise InvalidArgumentError(f"{name} is a manifest list, which cannot be part of another")
            entries[str(part)] = found[0]
        self._write(reference, list(entries.values()))
        return reference

    def annotate(self, text: str, manifest: str, changes: dict[str, Any]) -> None:
        """Set members of the platform of one manifest of a list: architecture, os, variant, os.version, os.features.

        Raises:
            ImageNotFoundError: there is no such list, or no such manifest in it.
        """
        reference, part = Reference.parse(text), Reference.parse(manifest)
        entries = self._need(reference)
        chosen = self._find(reference, part)
        for entry in entries:
            if entry.reference == chosen.reference:
                entry.descriptor["platform"] = {**entry.descriptor.get("platform", {}), **changes}
        self._write(reference, entries)

    def remove(self, text: str) -> None:
        """Forget a list; raises ImageNotFoundError when there is none."""
        reference = Reference.parse(text)
        try:
            os.unlink(self._path(reference))
        except FileNotFoundError:
            raise _missing(reference) from None
        except OSError as error:
            raise from_os(error, "remove a manifest list") from error

    def push(self, text: str) -> tuple[list[str], str]:
        """Push a list with its manifests; the names by digest of these, and the list's digest.

        Raises:
            ImageNotFoundError: there is no such list.
            InvalidArgumentError: one of its manifests is at another registry.
        """
        reference = Reference.parse(text)
        entries = self._need(reference)
        other = next((one for one in entries if one.reference.domain != reference.domain), None)
        if other is not None:
            raise InvalidArgumentError(
                f"cannot use source images from a different registry than the target image: "
                f"{other.reference.domain} != {reference.domain}"
            )
        data = _list_of(entries)
        kind = str(json.loads(data)["mediaType"])
        pushed = []
        with self._client(reference, push=True) as client:
            for entry in entries:
                digest = str(entry.descriptor["digest"])
                _bring_blobs(client, entry, reference)
                client.put_manifest(digest, entry.data, str(entry.descriptor["mediaType"]))
                pushed.append(reference.with_digest(digest).familiar)
            return pushed, client.put_manifest(str(reference.tag), data, kind)

    # --- files ---

    def read(self, reference: Reference) -> list[Entry] | None:
        """A list in the making; None when there is none."""
        try:
            with open(self._path(reference), "rb") as file:
                data = file.read(_MAX_FILE)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise from_os(error, "read a manifest list") from error
        document = parse_object(data, f"manifest list {reference.familiar}")
        return [
            Entry(Reference.parse(one["reference"]), one["descriptor"], base64.b64decode(one["data"]))
            for one in document["entries"]
        ]

    def _need(self, reference: Reference) -> list[Entry]:
        found = self.read(reference)
        if found is None:
            raise _missing(reference)
        return found

    def _find(self, reference: Reference, part: Reference) -> Entry:
        for entry in self._need(reference):
            if entry.reference == part or str(entry.reference) == str(part):
                return entry
        raise ImageNotFoundError(f"manifest for image {part.familiar} does not exist in {reference.familiar}")

    def _path(self, reference: Reference) -> str:
        return f"{self._directory}/{of_bytes(str(reference).encode()).partition(':')[2]}.json"

    def _write(self, reference: Reference, entries: list[Entry]) -> None:
        if len(entries) > _MAX_ENTRIES:
            raise InvalidArgumentError(f"a manifest list has at most {_MAX_ENTRIES} entries")
        document = {
            "name": str(reference),
            "entries": [
                {
                    "reference": str(one.reference),
                    "descriptor": one.descriptor,
                    "data": base64.b64encode(one.data).decode(),
                }
                for one in entries
            ],
        }
        path = self._path(reference)
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            with open(f"{path}.{os.getpid()}", "w", encoding="ascii") as file:
                json.dump(document, file)
            os.rename(f"{path}.{os.getpid()}", path)
        except OSError as error:
            raise from_os(error, "write a manifest list") from error

    # --- registries ---

    def _fetch(self, reference: Reference) -> Any:
        with self._client(reference) as client:
            return client.manifest(reference.digest or str(reference.tag))

    def _client(self, reference: Reference, *, push: bool = False) -> _Opened:
        return _Opened(reference, insecure=self._insecure, push=push)


class _Opened:
    """A client for as long as a block lasts; refusals become Docker's words."""

    def __init__(self, reference: Reference, *, insecure: bool, push: bool) -> None:
        conf = Conf.read()
        if insecure:
            conf.insecure.append(reference.domain)
        source = sources(reference, conf, push=True)[0]
        self._reference = reference
        self._transport = Transport()
        self._client = Client(self._transport, source, conf, push=push)

    def __enter__(self) -> Client:
        return self._client

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._transport.close()
        if isinstance(error, MissingError):
            raise ImageNotFoundError(f"no such manifest: {self._reference.familiar}") from error
        if isinstance(error, RefusedError):
            raise DeniedError(error.message, hint=f"rocker login {self._reference.domain}") from error


def _manifests(client: Client, reference: Reference) -> Iterator[Entry]:
    """What a name at a registry leads to: one manifest, or those of its list."""
    found = client.manifest(reference.digest or str(reference.tag))
    what = f"manifest of {reference.familiar}"
    document = formats.parse(found.data, found.media_type, what)
    if isinstance(document, formats.Manifest):
        platform = _platform_of(client, document)
        descriptor = {"mediaType": document.media_type, "digest": found.digest, "size": len(found.data)}
        yield Entry(reference, {**descriptor, "platform": platform} if platform else descriptor, found.data)
        return
    for entry in document.entries:
        if entry.media_type in formats.MANIFESTS:
            part = reference.with_digest(entry.digest)
            yield Entry(part, entry.document, client.manifest(entry.digest).data)


def _platform_of(client: Client, manifest: formats.Manifest) -> dict[str, Any]:
    if manifest.config.media_type not in (OCI_CONFIG, DOCKER_CONFIG):
        return {}
    config = parse_object(
        client.document(manifest.config.digest, manifest.config.size, "the image's configuration"),
        "configuration",
    )
    names = ("architecture", "os", "variant", "os.version", "os.features")
    return {name: config[name] for name in names if config.get(name)}


def _bring_blobs(client: Client, entry: Entry, target: Reference) -> None:
    """Mount what a manifest of another repository names; a manifest without its blobs would be refused."""
    if entry.reference.path == target.path:
        return
    document = formats.parse(entry.data, str(entry.descriptor["mediaType"]), str(entry.reference))
    assert isinstance(document, formats.Manifest)  # noqa: S101 -- `create` took no list
    for blob in (document.config, *document.layers):
        if not client.has_blob(blob.digest) and client.begin_upload(blob.digest, entry.reference.path):
            raise RockerError(
                f"the registry does not mount {blob.digest} from {entry.reference.path}",
                hint=f"push {entry.reference.familiar} to {target.familiar_name} first",
            )


def _list_of(entries: list[Entry]) -> bytes:
    """The list: OCI's form when all its manifests are OCI's, else Docker's."""
    oci = all(one.descriptor["mediaType"] == OCI_MANIFEST for one in entries)
    parts = []
    for entry in entries:
        known = entry.descriptor
        parts.append({key: known[key] for key in ("mediaType", "size", "digest", "platform") if key in known})
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX if oci else DOCKER_LIST,
        "manifests": parts,
    }
    return json.dumps(document, indent=3).encode()


def _missing(reference: Reference) -> ImageNotFoundError:
    return ImageNotFoundError(f"No such manifest: {reference.familiar}")
