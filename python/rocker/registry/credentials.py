"""Who one is at a registry: Docker's `config.json`, containers' `auth.json`, credential helpers.

Order, as skopeo and podman have it: `$REGISTRY_AUTH_FILE` alone when it is set; else `$DOCKER_CONFIG/config.json` (by
default ~/.docker), `$XDG_RUNTIME_DIR/containers/auth.json`, ~/.config/containers/auth.json. In each: `credHelpers` of
the registry, `credsStore`, then `auths`; in `auths` the longest `registry/path` that the repository's name begins
with. Nothing of a secret is ever part of a message.
"""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError
from rocker.images.reference import DEFAULT_DOMAIN
from rocker.registry.source import HUB_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_FILE = 4 << 20
_TOKEN = "<token>"  # noqa: S105 -- the user name by which helpers mark an identity token


class Credentials:
    """A user and a password, or an identity token (an OAuth 2 refresh token)."""

    __slots__ = ("password", "token", "user")

    def __init__(self, user: str, password: str, token: str = "") -> None:
        self.user = user
        self.password = password
        self.token = token

    def __repr__(self) -> str:
        return f"Credentials({self.user!r}, …)"


def docker_config() -> str:
    """The path of Docker's config.json."""
    directory = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    return f"{directory}/config.json"


def files() -> list[str]:
    """The files that are looked into, in order."""
    named = os.environ.get("REGISTRY_AUTH_FILE")
    if named:
        return [named]
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/containers/{os.getuid()}"
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return [docker_config(), f"{runtime}/containers/auth.json", f"{home}/containers/auth.json"]


def find(domain: str, path: str = "") -> Credentials | None:
    """The credentials for a repository of a registry, or None.

    Args:
        domain: `docker.io`, `localhost:5000`.
        path: repository there; empty for the registry itself.

    Raises:
        InvalidArgumentError: a file is no valid configuration.
        RegistryError: a helper failed.
    """
    for file in files():
        document = read(file)
        if document is not None:
            found = _find_in(document, file, domain, path)
            if found is not None:
                return found
    return None


def read(path: str) -> dict[str, Any] | None:
    """A configuration file; None when there is none.

    Raises:
        InvalidArgumentError: it is no JSON object, or cannot be read.
    """
    from rocker.models.jsontext import decode

    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_FILE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"Error loading config file: {path}: {error}", path=path) from error
    try:
        document = decode(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise InvalidArgumentError(f"Error loading config file: {path}: {error}", path=path) from error
    if not isinstance(document, dict):
        raise InvalidArgumentError(f"Error loading config file: {path}: it is no JSON object", path=path)
    return document


def _find_in(document: dict[str, Any], file: str, domain: str, path: str) -> Credentials | None:
    helper = helper_of(document, domain)
    if helper:
        from rocker.registry.helper import get

        for key in _keys(domain):
            found = get(helper, key)
            if found is not None:
                user, secret = found
                return Credentials("", "", secret) if user == _TOKEN else Credentials(user, secret)
        return None
    auths = document.get("auths")
    if not isinstance(auths, dict):
        return None
    for entry in _entries(auths, domain, path):
        found_one = decode_entry(entry, file)
        if found_one is not None:
            return found_one
    return None


def helper_of(document: dict[str, Any], domain: str) -> str:
    """The helper that a file names for a registry; empty for none."""
    helpers = document.get("credHelpers")
    if isinstance(helpers, dict):
        for key in _keys(domain):
            if isinstance(helpers.get(key), str):
                return str(helpers[key])
    store = document.get("credsStore")
    return store if isinstance(store, str) else ""


def _keys(domain: str) -> list[str]:
    return [HUB_KEY, DEFAULT_DOMAIN, "index.docker.io"] if domain == DEFAULT_DOMAIN else [domain]


def _entries(auths: dict[str, Any], domain: str, path: str) -> list[Any]:
    """The entries that fit, the most specific first."""
    found = []
    parts = path.split("/") if path else []
    for length in range(len(parts), 0, -1):
        key = "/".join([domain, *parts[:length]])
        if key in auths:
            found.append(auths[key])
    found += [auths[key] for key in _keys(domain) if key in auths]
    # Old files have URLs for keys; of these only the host counts, and only where a scheme marks them as such.
    hosts = {domain} if domain != DEFAULT_DOMAIN else {DEFAULT_DOMAIN, "index.docker.io"}
    found += [
        entry
        for key, entry in auths.items()
        if key not in _keys(domain) and "://" in key and key.partition("://")[2].partition("/")[0] in hosts
    ]
    return found


def decode_entry(entry: Any, file: str) -> Credentials | None:
    """What one entry of `auths` says.

    Raises:
        InvalidArgumentError: its `auth` is not base64 of `user:password`.
    """
    if not isinstance(entry, dict):
        return None
    token = entry.get("identitytoken")
    user, password = entry.get("username"), entry.get("password")
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:
        import binascii

        try:
            text = binascii.a2b_base64(auth, strict_mode=True).decode()
        except (ValueError, UnicodeDecodeError):
            raise InvalidArgumentError(
                f"{file}: an `auth` is not the base64 form of user:password", hint="rocker login", path=file
            ) from None
        user, colon, password = text.partition(":")
        if not colon:
            raise InvalidArgumentError(
                f"{file}: invalid auth configuration file", hint="rocker login", path=file
            )
        password = password.strip("\0")
    if isinstance(token, str) and token:
        return Credentials(user if isinstance(user, str) else "", "", token)
    if isinstance(user, str) and user and isinstance(password, str):
        return Credentials(user, password)
    return None
