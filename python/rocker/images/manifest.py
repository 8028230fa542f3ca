"""Manifests and indexes of registries, typed and checked.

OCI image specification (manifest.md, image-index.md) and Docker's schema 2 with its manifest lists. Schema 1 is
refused: what it says of an image is not covered by a digest. A document that is a manifest and an index at once is
refused too, since readers would disagree about it (CVE-2021-41190); `urls` of layers are not followed
(CVE-2020-15157).
"""

from __future__ import annotations

from rocker.errors import CorruptError, NotFoundError, UnsupportedError
from rocker.images.config import MAX_LAYERS, parse_object
from rocker.images.digest import digits, shown
from rocker.images.media_types import (
    DOCKER_CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
)
from rocker.images.store import MAX_DOCUMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INDEXES = frozenset((OCI_INDEX, DOCKER_LIST))
MANIFESTS = frozenset((OCI_MANIFEST, DOCKER_MANIFEST))

_DOCKER_LAYER = "application/vnd.docker.image.rootfs."
_LAYERS = frozenset(
    (
        *(
            f"application/vnd.oci.image.layer.{kind}v1.tar{suffix}"
            for kind in ("", "nondistributable.")
            for suffix in ("", "+gzip", "+zstd")
        ),
        *(
            f"{_DOCKER_LAYER}{kind}tar{suffix}"
            for kind in ("diff.", "foreign.diff.")
            for suffix in ("", ".gzip", ".zstd")
        ),
    )
)
_CONFIGS = frozenset((OCI_CONFIG, DOCKER_CONFIG))
_SYSTEMS = frozenset(("darwin", "freebsd", "linux", "windows"))
_MAX_ENTRIES = 1000
_MAX_SIZE = 1 << 46
_TEXT = 255


class Descriptor:
    """What a document refers to.

    Attributes:
        media_type: of it.
        digest: `sha256:<hex>`.
        size: bytes.
        platform: of an index's entry: os, architecture, variant, os.version as they are there.
        document: the descriptor as it came.
    """

    __slots__ = ("digest", "document", "media_type", "platform", "size")

    def __init__(self, document: Any, what: str) -> None:
        if not isinstance(document, dict):
            raise CorruptError(f"{what}: expected a descriptor, found {shown(document)}")
        digits(document.get("digest"), what)
        size, media_type = document.get("size"), document.get("mediaType")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_SIZE:
            raise CorruptError(f"{what}: invalid size {shown(size)}")
        if not isinstance(media_type, str) or len(media_type) > _TEXT:
            raise CorruptError(f"{what}: invalid media type {shown(media_type)}")
        platform = document.get("platform")
        self.media_type = media_type
        self.digest: str = document["digest"]
        self.size = size
        self.platform: dict[str, Any] = platform if isinstance(platform, dict) else {}
        self.document = document


class Index:
    """A list of manifests for several platforms."""

    __slots__ = ("document", "entries", "media_type")

    def __init__(self, document: dict[str, Any], media_type: str, what: str) -> None:
        entries = document.get("manifests")
        if not isinstance(entries, list) or len(entries) > _MAX_ENTRIES:
            raise CorruptError(f"{what}: manifests must be a list of at most {_MAX_ENTRIES}")
        self.entries = [Descriptor(entry, what) for entry in entries]
        self.document = document
        self.media_type = media_type

    def choose(self, platform: Platform) -> Descriptor:
        """The entry for a platform: the first of the best variant.

        Raises:
            NotFoundError: there is none.
        """
        best, found = -1, None
        for entry in self.entries:
            rank = platform.rank(entry.platform) if entry.media_type in INDEXES | MANIFESTS else -1
            if rank > best:
                best, found = rank, entry
        if found is None:
            raise NotFoundError(
                f"no matching manifest for {platform} in the manifest list entries",
                hint=f"it has {self.platforms()}; choose one with --platform" if self.platforms() else None,
            )
        return found

    def platforms(self) -> str:
        """The platforms of the entries, for messages."""
        names = []
        for entry in self.entries:
            parts = [entry.platform.get(key) for key in ("os", "architecture", "variant")]
            text = "/".join(part for part in parts if isinstance(part, str) and part)
            if text and "unknown" not in text and text.isprintable():
                names.append(text[:_TEXT])
        return ", ".join(dict.fromkeys(names))


class Manifest:
    """One image: its configuration and its layers, lowest first."""

    __slots__ = ("config", "document", "layers", "media_type")

    def __init__(self, document: dict[str, Any], media_type: str, what: str) -> None:
        layers = document.get("layers")
        if not isinstance(layers, list) or len(layers) > MAX_LAYERS:
            raise CorruptError(f"{what}: layers must be a list of at most {MAX_LAYERS}")
        self.config = Descriptor(document.get("config"), f"{what}: config")
        self.layers = [Descriptor(layer, f"{what}: layer") for layer in layers]
        self.document = document
        self.media_type = media_type

    def check_image(self, what: str) -> None:
        """Refuse what is no image of a container: a chart, a signature.

        Raises:
            UnsupportedError: a media type is unknown.
            CorruptError: the configuration is too long.
        """
        if self.config.media_type not in _CONFIGS:
            raise UnsupportedError(
                f"{what} is no image: its configuration is of media type {shown(self.config.media_type)}"
            )
        for layer in self.layers:
            if layer.media_type not in _LAYERS:
                raise UnsupportedError(
                    f"{what}: unsupported media type of a layer: {shown(layer.media_type)}"
                )
        if self.config.size > MAX_DOCUMENT:
            raise CorruptError(f"{what}: its configuration is longer than {MAX_DOCUMENT} bytes")


def parse(data: bytes, media_type: str, what: str) -> Index | Manifest:
    """Read a document.

    Args:
        data: as it came.
        media_type: what the registry or the descriptor says; empty when nothing does.
        what: it was to be, for messages.

    Raises:
        CorruptError: it is damaged, contradicts itself, or is not of the media type it came with.
        UnsupportedError: it is of another kind.
    """
    document = parse_object(data, what)
    own = document.get("mediaType")
    if own is not None and not isinstance(own, str):
        raise CorruptError(f"{what}: invalid media type {shown(own)}")
    if document.get("schemaVersion") == 1:
        raise UnsupportedError(
            f"{what}: Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported",
            hint="the image must be pushed again by a newer Docker",
        )
    if document.get("schemaVersion") != 2:  # noqa: PLR2004 -- the format's
        raise CorruptError(f"{what}: unknown schema version {shown(document.get('schemaVersion'))}")
    known = INDEXES | MANIFESTS
    if own and media_type in known and own != media_type:
        raise CorruptError(f"{what}: it came as {media_type} and says that it is {shown(own)}")
    kind = own or media_type
    if "manifests" in document and ("layers" in document or "config" in document):
        raise CorruptError(f"{what}: it is an index and a manifest at once")
    if kind not in known:
        if kind.startswith("application/vnd."):
            raise UnsupportedError(f"{what}: unsupported media type {shown(kind)}")
        kind = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    return Index(document, kind, what) if kind in INDEXES else Manifest(document, kind, what)


class Platform:
    """An operating system, an architecture and its variant, in Go's words."""

    __slots__ = ("architecture", "os", "variant")

    def __init__(self, os: str, architecture: str, variant: str = "") -> None:
        self.os = os
        self.architecture = architecture
        self.variant = variant

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @classmethod
    def parse(cls, text: str | None) -> Platform:
        """`[os/]architecture[/variant]`; None for this machine's.

        Raises:
            InvalidArgumentError: it is none.
        """
        from rocker.engine.find_image import host_architecture
        from rocker.errors import InvalidArgumentError

        if not text:
            return cls("linux", host_architecture())
        parts = text.lower().split("/")
        words = [part.replace(".", "").replace("_", "").replace("-", "") for part in parts]
        if len(parts) > 3 or not text.isascii() or not all(word.isalnum() for word in words):  # noqa: PLR2004
            raise InvalidArgumentError(f"invalid platform: {text!r}", hint="write linux/amd64 or linux/arm64")
        if len(parts) == 1:
            parts = [parts[0], host_architecture()] if parts[0] in _SYSTEMS else ["linux", parts[0]]
        elif len(parts) == 2 and parts[0] not in _SYSTEMS:  # noqa: PLR2004
            parts = ["linux", *parts]
        architecture, variant = _normal(parts[1], parts[2] if len(parts) == 3 else "")  # noqa: PLR2004
        return cls(parts[0], architecture, variant)

    def rank(self, other: dict[str, Any]) -> int:
        """How well an index's entry fits: below 0 not at all.

        An arm runs what was made for older arms; the newest of these is the best.
        """
        os, architecture = other.get("os"), other.get("architecture")
        if os != self.os or not isinstance(architecture, str):
            return -1
        theirs = other.get("variant")
        architecture, variant = _normal(architecture, theirs if isinstance(theirs, str) else "")
        if architecture != self.architecture:
            return -1
        if variant == self.variant:
            return 100
        if self.architecture == "arm":
            mine = self.variant or "v7"
            return ord(variant[-1:] or "7") - ord("0") if (variant or "v7") <= mine else -1
        return -1 if variant and (self.variant or self.architecture == "amd64") else 0


def _normal(architecture: str, variant: str) -> tuple[str, str]:
    """Go's words for the same things (containerd's `platforms`): arm64 is v8, amd64 is v1."""
    words = {
        "x86_64": "amd64",
        "x86-64": "amd64",
        "aarch64": "arm64",
        "armhf": "arm",
        "armel": "arm",
        "i386": "386",
    }
    found = words.get(architecture, architecture)
    if architecture == "armel":
        variant = "v6"
    if (found, variant) in {("arm64", "v8"), ("arm64", "8"), ("amd64", "v1"), ("arm", "v7"), ("arm", "7")}:
        variant = ""
    return found, variant
