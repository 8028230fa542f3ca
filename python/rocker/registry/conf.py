"""`registries.conf` (containers-registries.conf(5), version 2) and Docker's `daemon.json`, read together.

Of the first: `[[registry]]` with prefix, location, insecure, blocked, mirrors, and `[aliases]`. Of the second:
`insecure-registries`, `registry-mirrors`. `unqualified-search-registries` is not followed: a name without a registry
is docker.io's, as for Docker. The aliases of the distribution's own `registries.conf.d` are not followed either,
since with them `fedora` would not be what it is for Docker.
"""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYSTEM = "/etc/containers/registries.conf"
DAEMON = "/etc/docker/daemon.json"
_MAX_FILE = 1 << 20


class Mirror:
    """Another place of a registry.

    Attributes:
        location: host, and the beginning of the path.
        insecure: whether plain HTTP and unverified certificates are accepted.
        pulls: `all`, `digest-only` or `tag-only`.
    """

    __slots__ = ("insecure", "location", "pulls")

    def __init__(self, location: str, *, insecure: bool, pulls: str) -> None:
        self.location = location
        self.insecure = insecure
        self.pulls = pulls


class Registry:
    """One `[[registry]]`: names that begin with `prefix` are found at `location`."""

    __slots__ = ("blocked", "insecure", "location", "mirrors", "prefix")

    def __init__(
        self, prefix: str, location: str, *, insecure: bool, blocked: bool, mirrors: list[Mirror]
    ) -> None:
        self.prefix = prefix
        self.location = location
        self.insecure = insecure
        self.blocked = blocked
        self.mirrors = mirrors

    def fits(self, name: str) -> bool:
        """Whether a repository's full name begins with the prefix, on a boundary of its parts."""
        if self.prefix.startswith("*."):
            host = name.partition("/")[0].partition(":")[0]
            return host.endswith(self.prefix[1:])
        return name == self.prefix or name.startswith(self.prefix + "/")


class Conf:
    """What the files say, together.

    Attributes:
        registries: all entries.
        aliases: full name of a repository, by short name.
        insecure: hosts, with or without port, and networks in CIDR form.
        hub_mirrors: URLs of mirrors of docker.io.
    """

    def __init__(self) -> None:
        self.registries: list[Registry] = []
        self.aliases: dict[str, str] = {}
        self.insecure: list[str] = []
        self.hub_mirrors: list[str] = []

    @classmethod
    def read(cls) -> Conf:
        """The configuration of this user on this host.

        Raises:
            InvalidArgumentError: a file is no valid configuration; the message names it.
        """
        conf = cls()
        user = _config_home() + "/containers"
        named = os.environ.get("CONTAINERS_REGISTRIES_CONF")
        main = named or next((path for path in (f"{user}/registries.conf", SYSTEM) if _is_file(path)), None)
        if main is not None:
            conf._add(_toml(main), main, aliases=True)
        if not named:
            for directory, aliases in ((SYSTEM + ".d", False), (f"{user}/registries.conf.d", True)):
                for path in _drop_ins(directory):
                    conf._add(_toml(path), path, aliases=aliases)
        conf._add_daemon(DAEMON)
        return conf

    def find(self, name: str) -> Registry | None:
        """The entry with the longest prefix that fits a repository's full name."""
        fitting = [one for one in self.registries if one.fits(name)]
        return max(fitting, key=lambda one: len(one.prefix), default=None)

    def is_insecure(self, host: str) -> bool:
        """Whether a host (`name[:port]`) is listed as insecure, or is this machine: Docker's rule."""
        bare = split_port(host)[0]
        if is_loopback(bare):
            return True
        entry = self.find(host)
        if entry is not None and entry.insecure:
            return True
        return any(one in (host, bare) or ("/" in one and _in_network(bare, one)) for one in self.insecure)

    def _add(self, document: dict[str, Any], path: str, *, aliases: bool) -> None:
        entries = document.get("registry") or []
        if not isinstance(entries, list):
            raise _invalid(path, "[[registry]] must be a list of tables", "registries" in document)
        if "registries" in document and not entries:
            raise _invalid(path, "it is of version 1", True)
        for entry in entries:
            new = _registry(entry, path)
            self.registries = [one for one in self.registries if one.prefix != new.prefix] + [new]
        named = document.get("aliases") or {}
        if aliases and isinstance(named, dict):
            self.aliases.update((key, value) for key, value in named.items() if isinstance(value, str))

    def _add_daemon(self, path: str) -> None:
        if not _is_file(path):
            return
        from rocker.models.jsontext import decode

        try:
            document = decode(_text(path))
        except (ValueError, RecursionError) as error:
            raise _invalid(path, str(error)) from error
        if isinstance(document, dict):
            self.insecure += _strings(document.get("insecure-registries"))
            self.hub_mirrors += _strings(document.get("registry-mirrors"))


def split_port(host: str) -> tuple[str, str]:
    """`name[:port]` in two; an IPv6 address without its brackets."""
    if host.startswith("["):
        address, _, rest = host[1:].partition("]")
        return address, rest.removeprefix(":")
    name, _, port = host.partition(":")
    return name, port


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without port, is this machine by its spelling; nothing is resolved."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _in_network(host: str, network: str) -> bool:
    from ipaddress import ip_address, ip_network

    try:
        return ip_address(host) in ip_network(network, strict=False)
    except ValueError:
        return False


def _registry(entry: Any, path: str) -> Registry:
    if not isinstance(entry, dict):
        raise _invalid(path, "[[registry]] must be a list of tables")
    location = entry.get("location") or entry.get("prefix") or ""
    prefix = entry.get("prefix") or location
    if not isinstance(location, str) or not isinstance(prefix, str) or not prefix:
        raise _invalid(path, "a [[registry]] needs a location or a prefix")
    if prefix.startswith("*.") and not entry.get("location"):
        location = ""
    only = "digest-only" if entry.get("mirror-by-digest-only") is True else "all"
    mirrors = []
    for mirror in entry.get("mirror") or []:
        if not isinstance(mirror, dict) or not isinstance(mirror.get("location"), str):
            raise _invalid(path, f"a mirror of {prefix} needs a location")
        pulls = mirror.get("pull-from-mirror") or only
        if pulls not in ("all", "digest-only", "tag-only"):
            raise _invalid(path, f"unsupported pull-from-mirror value {pulls!r}")
        mirrors.append(Mirror(mirror["location"], insecure=mirror.get("insecure") is True, pulls=pulls))
    return Registry(
        prefix.rstrip("/"),
        location.rstrip("/"),
        insecure=entry.get("insecure") is True,
        blocked=entry.get("blocked") is True,
        mirrors=mirrors,
    )


def hub_mirror(url: str) -> tuple[str, bool]:
    """Location and plainness of one of daemon.json's `registry-mirrors`."""
    scheme, _, rest = url.partition("://")
    return rest.rstrip("/"), scheme == "http"


def _config_home() -> str:
    return os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")


def _drop_ins(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return []
    return [f"{directory}/{name}" for name in names if name.endswith(".conf")]


def _is_file(path: str) -> bool:
    return os.path.isfile(path)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_MAX_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(path, str(error)) from error


def _toml(path: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _invalid(path, str(error)) from error


def _strings(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _invalid(path: str, what: str, old: bool = False) -> InvalidArgumentError:
    hint = "convert it: man 5 containers-registries.conf" if old else None
    return InvalidArgumentError(f"{path}: {what}", hint=hint, path=path)
