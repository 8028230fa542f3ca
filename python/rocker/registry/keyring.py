"""`login` and `logout`: credentials tried at their registry, and kept as Docker keeps them.

In `$REGISTRY_AUTH_FILE`, else in Docker's config.json: with the helper that this names, else in the file itself, of
mode 0600, in which everything else stays as it is.
"""

from __future__ import annotations

import os

from rocker.engine.catalog_errors import from_os
from rocker.images.reference import DEFAULT_DOMAIN
from rocker.registry import credentials, helper
from rocker.registry.client import Client
from rocker.registry.conf import Conf
from rocker.registry.credentials import Credentials
from rocker.registry.source import credential_key, host_source
from rocker.registry.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HUB = frozenset((DEFAULT_DOMAIN, "index.docker.io", "registry-1.docker.io"))


def domain_of(server: str) -> str:
    """A registry as it is typed for `login` (a host, perhaps a URL) in the form that names of images have."""
    host = server.partition("://")[2] if "://" in server else server
    host = host.partition("/")[0]
    return DEFAULT_DOMAIN if host in _HUB or not host else host


def login(domain: str, user: str, password: str) -> str | None:
    """Try credentials at a registry and keep them.

    Returns:
        The file in which they are readable for whoever may read it; None when a helper keeps them.

    Raises:
        DeniedError: the registry refuses them; nothing is kept.
        RegistryError: it cannot be reached, or a helper failed.
    """
    token = check(domain, Credentials(user, password))
    return store(domain, Credentials(user, "" if token else password, token))


def check(domain: str, found: Credentials) -> str:
    """Try credentials at a registry; the identity token that it gives for them, or an empty text. Raises as `login`."""
    conf = Conf.read()
    with Transport() as transport:
        client = Client(transport, host_source(domain, conf), conf, lambda: found)
        client.ping(offline=True)
        return client.auth.refresh_token


def store(domain: str, found: Credentials) -> str | None:
    """Keep credentials; see `login`."""
    path = credentials.files()[0]
    document = credentials.read(path) or {}
    key = credential_key(domain)
    name = credentials.helper_of(document, domain)
    entry: dict[str, Any] = {}
    if name:
        user, secret = ("<token>", found.token) if found.token else (found.user, found.password)
        helper.store(name, key, user, secret)
    else:
        import binascii

        pair = f"{found.user}:{found.password}".encode()
        entry["auth"] = binascii.b2a_base64(pair, newline=False).decode()
        if found.token:
            entry["identitytoken"] = found.token
    auths = document.get("auths")
    if auths is None or not isinstance(auths, dict):
        auths = document["auths"] = {}
    auths[key] = entry
    _write(path, document)
    return None if name else path


def logout(domain: str) -> None:
    """Forget a registry's credentials; that there are none is no error.

    Raises:
        RegistryError: a helper failed.
    """
    path = credentials.files()[0]
    document = credentials.read(path)
    if document is None:
        return
    key = credential_key(domain)
    name = credentials.helper_of(document, domain)
    if name:
        helper.erase(name, key)
    auths = document.get("auths")
    if isinstance(auths, dict):
        known = {key, *_HUB} if domain == DEFAULT_DOMAIN else {key}
        # Keys of old files are URLs; https://host/v1/ is the same registry.
        gone = [one for one in auths if one in known or ("://" in one and domain_of(one) == domain)]
        for one in gone:
            del auths[one]
        if gone:
            _write(path, document)


def _write(path: str, document: dict[str, Any]) -> None:
    """Replace a configuration file at once; a link to it stays a link."""
    import json

    target = os.path.realpath(path)
    temporary = f"{target}.{os.getpid()}.tmp"
    data = json.dumps(document, indent="\t", ensure_ascii=False).encode()
    try:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            os.rename(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise from_os(error, "save credentials") from error
