"""Names of images, read as Docker reads them; what is missing is completed.

`debian` is `docker.io/library/debian:latest`. Grammar: `reference.go` of
https://github.com/distribution/reference.
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"

_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_MAX_NAME = 255
_MAX_TAG = 128
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_ALNUM = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TAG_FIRST = _ALNUM | {"_"}
_TAG = _TAG_FIRST | {".", "-"}
_HEX = frozenset("0123456789abcdef")
_DIGITS = frozenset("0123456789")
_IPV6 = frozenset("0123456789abcdefABCDEF:")


class Reference:
    """A complete name of an image; immutable, hashable, compared by value.

    Attributes:
        domain: registry, with its port if any: `docker.io`, `localhost:5000`.
        path: repository there: `library/debian`.
        tag: or None when only a digest was given.
        digest: `sha256:<hex>`, or None.
    """

    __slots__ = ("digest", "domain", "path", "tag")

    domain: str
    path: str
    tag: str | None
    digest: str | None

    def __init__(self, domain: str, path: str, tag: str | None, digest: str | None) -> None:
        object.__setattr__(self, "domain", domain)
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "tag", tag)
        object.__setattr__(self, "digest", digest)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Reference is immutable: {name}")

    @classmethod
    def parse(cls, text: str, *, default_tag: bool = True) -> Self:
        """Read a name.

        Args:
            text: `[domain/]path[:tag][@digest]`.
            default_tag: add `:latest` when neither tag nor digest is given.

        Raises:
            InvalidArgumentError: it is no valid name; the text is Docker's.
        """
        if len(text) == _DIGEST_LENGTHS["sha256"] and _HEX.issuperset(text):
            raise InvalidArgumentError(
                f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings"
            )
        domain, rest = _split_domain(text)
        name_and_tag, at, digest = rest.partition("@")
        path, colon, tag = name_and_tag.partition(":")
        if path != path.lower():
            raise InvalidArgumentError(
                f"invalid reference format: repository name ({path}) must be lowercase"
            )
        if not _is_domain(domain) or not _is_path(path) or (colon and not is_tag(tag)):
            raise InvalidArgumentError("invalid reference format", hint=f"{text!r} is no name of an image")
        if at:
            _check_digest(digest)
        if len(path) > _MAX_NAME:
            raise InvalidArgumentError(f"repository name must not be more than {_MAX_NAME} characters")
        if not colon and not at and default_tag:
            tag = DEFAULT_TAG
        return cls(domain, path, tag or None, digest or None)

    @property
    def name(self) -> str:
        """Domain and path: `docker.io/library/debian`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The short form of the name: `debian`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        short = self.path.removeprefix(_OFFICIAL)
        # `library/a/b` without its prefix would be read as `a/b`; `library/a.b/c` as another registry's.
        return self.path if "/" in short else short

    @property
    def familiar(self) -> str:
        """The form Docker shows: `debian:latest`."""
        return self._with_suffix(self.familiar_name)

    def with_tag(self, tag: str) -> Reference:
        """The same repository's other tag, without a digest."""
        return Reference(self.domain, self.path, tag, None)

    def with_digest(self, digest: str) -> Reference:
        """The same repository by digest, without a tag."""
        return Reference(self.domain, self.path, None, digest)

    def _with_suffix(self, name: str) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{name}{tag}@{self.digest}" if self.digest else f"{name}{tag}"

    def __str__(self) -> str:
        return self._with_suffix(self.name)

    def __repr__(self) -> str:
        return f"Reference({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def is_tag(text: str) -> bool:
    """Whether this is a valid tag: up to 128 of `A-Za-z0-9_.-`, not beginning with `.` or `-`."""
    return 0 < len(text) <= _MAX_TAG and text[0] in _TAG_FIRST and _TAG.issuperset(text)


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    is_domain = slash and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    domain, path = (first, rest) if is_domain else (DEFAULT_DOMAIN, text)
    if domain == _LEGACY_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = _OFFICIAL + path
    return domain, path


def _is_domain(text: str) -> bool:
    host, colon, port = text, "", ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not host or not _IPV6.issuperset(host):
            return False
        if not rest:
            return True
        return rest[0] == ":" and len(rest) > 1 and _DIGITS.issuperset(rest[1:])
    host, colon, port = text.partition(":")
    if colon and not (port and _DIGITS.issuperset(port)):
        return False
    return all(_is_label(label) for label in host.split("."))


def _is_label(text: str) -> bool:
    return (
        bool(text) and text[0] in _ALNUM and text[-1] in _ALNUM and _ALNUM.issuperset(text.replace("-", ""))
    )


def _is_path(text: str) -> bool:
    return all(_is_component(component) for component in text.split("/"))


def _is_component(text: str) -> bool:
    """Runs of `a-z0-9` with one of `.`, `_`, `__` or any number of `-` between them."""
    if not text or text[0] not in _LOWER or text[-1] not in _LOWER:
        return False
    separator = ""
    for letter in text:
        if letter in _LOWER:
            if separator and separator not in (".", "_", "__") and separator.strip("-"):
                return False
            separator = ""
        elif letter in "._-":
            separator += letter
        else:
            return False
    return True


def _check_digest(text: str) -> None:
    algorithm, colon, digits = text.partition(":")
    shape = algorithm.replace("+", ".").replace("_", ".").replace("-", ".").split(".")
    labels = all(label and label[0] in _ALNUM - _DIGITS and _ALNUM.issuperset(label) for label in shape)
    if not colon or not labels or len(digits) < 32 or not _HEX.issuperset(digits.lower()):  # noqa: PLR2004 -- the grammar's
        raise InvalidArgumentError("invalid reference format")
    length = _DIGEST_LENGTHS.get(algorithm)
    if length is None:
        raise InvalidArgumentError("unsupported digest algorithm")
    if len(digits) != length:
        raise InvalidArgumentError("invalid checksum digest length")
    if not _HEX.issuperset(digits):
        raise InvalidArgumentError("invalid checksum digest format")
