"""Where the image of a name can be had from: mirrors first, then the registry itself."""

from __future__ import annotations

from rocker.errors import DeniedError, ImageNotFoundError
from rocker.images.reference import DEFAULT_DOMAIN, Reference
from rocker.registry.conf import Conf, Mirror, hub_mirror

HUB_HOST = "registry-1.docker.io"
"""Where docker.io's images are served."""
HUB_KEY = "https://index.docker.io/v1/"
"""How Docker names docker.io where credentials are kept."""


class Source:
    """One repository at one place.

    Attributes:
        host: `name[:port]` to connect to.
        path: the repository there.
        domain: the registry as credentials know it: `docker.io`, `localhost:5000`.
        insecure: plain HTTP and unverified certificates are accepted.
        is_mirror: it is not the registry that the name says.
    """

    __slots__ = ("domain", "host", "insecure", "is_mirror", "path")

    def __init__(self, location: str, *, insecure: bool, is_mirror: bool = False) -> None:
        self.domain, _, self.path = location.partition("/")
        self.host = HUB_HOST if self.domain == DEFAULT_DOMAIN else self.domain
        self.insecure = insecure
        self.is_mirror = is_mirror

    def __repr__(self) -> str:
        return f"Source({self.domain}/{self.path})"


def sources(reference: Reference, conf: Conf, *, push: bool = False) -> list[Source]:
    """The places to ask, in order; for `push` there is one.

    Raises:
        DeniedError: the registry is blocked by registries.conf.
    """
    name = reference.name
    entry = conf.find(name)
    if entry is not None and entry.blocked:
        raise DeniedError(
            f"registry {entry.prefix} is blocked in registries.conf",
            hint="see containers-registries.conf(5), `blocked`",
        )
    own = name
    mirrors: list[Mirror] = []
    if entry is not None:
        own = _moved(name, entry.prefix, entry.location)
        mirrors = entry.mirrors
    found = []
    if not push:
        for mirror in mirrors:
            if _serves(mirror, reference):
                prefix = entry.prefix if entry is not None else ""
                location = _moved(name, prefix, mirror.location)
                insecure = mirror.insecure or conf.is_insecure(location.partition("/")[0])
                found.append(Source(location, insecure=insecure, is_mirror=True))
        if reference.domain == DEFAULT_DOMAIN:
            for url in conf.hub_mirrors:
                location, plain = hub_mirror(url)
                insecure = plain or conf.is_insecure(location.partition("/")[0])
                found.append(Source(f"{location}/{reference.path}", insecure=insecure, is_mirror=True))
    host = own.partition("/")[0]
    insecure = (entry is not None and entry.insecure) or conf.is_insecure(host)
    return [*found, Source(own, insecure=insecure)]


def host_source(domain: str, conf: Conf) -> Source:
    """A registry without a repository, for `login`."""
    return Source(domain, insecure=conf.is_insecure(domain))


def expand_alias(text: str, conf: Conf) -> Reference:
    """A name as it was typed, by its alias if it has one.

    Raises:
        InvalidArgumentError: it is no valid name.
        ImageNotFoundError: the alias is none.
    """
    reference = Reference.parse(text)
    short = text.partition("@")[0].partition(":")[0]
    target = conf.aliases.get(short)
    if target is None or "/" in short.partition("/")[2]:
        return reference
    found = Reference.parse(target, default_tag=False)
    if found.tag is not None or found.digest is not None:
        raise ImageNotFoundError(
            f"alias {short!r} leads to {target!r}, which is not the name of a repository"
        )
    return Reference(found.domain, found.path, reference.tag, reference.digest)


def credential_key(domain: str) -> str:
    """The name of a registry in `config.json` and for helpers, as Docker writes it."""
    return HUB_KEY if domain == DEFAULT_DOMAIN else domain


def _moved(name: str, prefix: str, location: str) -> str:
    """The name with its prefix replaced; a wildcard's prefix without a location moves nothing."""
    if not location:
        return name
    if prefix.startswith("*."):
        host, slash, path = name.partition("/")
        return f"{location}{slash}{path}" if host else name
    return location + name[len(prefix) :]


def _serves(mirror: Mirror, reference: Reference) -> bool:
    if mirror.pulls == "all":
        return True
    return (reference.digest is not None) == (mirror.pulls == "digest-only")
