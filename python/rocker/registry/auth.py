"""Answers to a registry's challenges, and to whom a secret may go.

A secret belongs to the registry it is kept for. It is sent there, and to the token server that this registry names;
by plain HTTP only to this machine and to registries that are configured as insecure. A challenge that came by plain
HTTP could have been written by anybody: it may not lead to another host. Tokens go to the registry that asked for
them, never further.

https://distribution.github.io/distribution/spec/auth/token/ and its `oauth` neighbour.
"""

from __future__ import annotations

import binascii
import threading
import time
from urllib.parse import urlencode

from rocker.errors import CorruptError, RegistryError
from rocker.registry.challenge import Challenge, parse
from rocker.registry.conf import is_loopback
from rocker.registry.errors import answered
from rocker.registry.transport import Transport, Url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from rocker.registry.credentials import Credentials

_MAX_TOKEN = 1 << 20
_MAX_HEADER = 60 << 10
_LEAST_SECONDS = 60
"""A token lasts so long at least, whatever its server says (token specification, `expires_in`)."""
_SPARE = 10
CLIENT = "rocker"


class Authorizer:
    """Who one is at one registry.

    Args:
        transport: for requests to token servers.
        find: looks the credentials up; called once, when the registry asks for the first time.
        insecure: see `Transport.send`.
    """

    def __init__(
        self,
        transport: Transport,
        find: Callable[[], Credentials | None],
        insecure: Callable[[str], bool],
    ) -> None:
        self._transport = transport
        self._find = find
        self._insecure = insecure
        self._lock = threading.RLock()
        self._looked = False
        self._credentials: Credentials | None = None
        self._basic = ""
        self._tokens: dict[str, tuple[str, float]] = {}
        self._challenge: Challenge | None = None
        self._asked_by: Url | None = None
        self.refresh_token = ""
        """The identity token that the token server gave, when one was asked for."""

    def header(self, scope: str) -> str:
        """The value of `Authorization` for a request with this scope; empty while nobody asked for one."""
        with self._lock:
            if self._basic:
                return self._basic
            token, until = self._tokens.get(scope, ("", 0.0))
            if token and time.monotonic() < until:
                return f"Bearer {token}"
            if self._challenge is not None and self._asked_by is not None:
                return self._bearer(self._asked_by, self._challenge, scope)
            return ""

    def answer(self, url: Url, headers: list[str], scope: str, used: str, *, offline: bool = False) -> str:
        """The value of `Authorization` after a 401 from `url`; empty when there is nothing to say.

        Args:
            url: that answered.
            headers: its `WWW-Authenticate`.
            scope: of the request.
            used: the value that was refused.
            offline: whether an identity token is wanted.

        Raises:
            CorruptError: the challenge leads to where no secret may go.
            RegistryError, RefusedError: the token server refused or failed.
        """
        with self._lock:
            token, until = self._tokens.get(scope, ("", 0.0))
            if token and f"Bearer {token}" != used and time.monotonic() < until:
                return f"Bearer {token}"  # another thread has fetched it meanwhile
            challenges = parse(headers)
            bearer = next((one for one in challenges if one.scheme == "bearer"), None)
            if bearer is not None:
                self._challenge, self._asked_by = bearer, url
                return self._bearer(url, bearer, scope, offline=offline)
            if any(one.scheme == "basic" for one in challenges):
                return self._answer_basic(url, used)
            return ""

    def credentials(self) -> Credentials | None:
        """The credentials, looked up when first asked for."""
        with self._lock:
            if not self._looked:
                self._credentials = self._find()
                self._looked = True
            return self._credentials

    def _answer_basic(self, url: Url, used: str) -> str:
        found = self.credentials()
        if found is None or found.token:
            return ""
        self._check_plain(url)
        value = _basic(found)
        if value == used:
            return ""
        self._basic = value
        return value

    def _check_plain(self, url: Url) -> None:
        if url.scheme == "http" and not is_loopback(url.host) and not self._insecure(url.authority):
            raise CorruptError(f"credentials are not sent to {url.authority} by plain HTTP")

    def _bearer(self, asked_by: Url, challenge: Challenge, scope: str, *, offline: bool = False) -> str:
        realm = Url(challenge.parameters.get("realm", ""))
        self._check_realm(asked_by, realm)
        found = self.credentials()
        service = challenge.parameters.get("service", "")
        if found is not None and found.token:
            document = self._by_refresh_token(realm, service, scope, found.token)
        else:
            document = self._by_password(realm, service, scope, found, offline=offline)
        token = document.get("token") or document.get("access_token")
        if not isinstance(token, str) or not token or len(token) > _MAX_HEADER or not _is_printable(token):
            raise RegistryError(f"the token server {realm.authority} answered without a token")
        refresh = document.get("refresh_token")
        if isinstance(refresh, str) and refresh:
            self.refresh_token = refresh
        seconds = document.get("expires_in")
        if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < _LEAST_SECONDS:
            seconds = _LEAST_SECONDS
        self._tokens[scope] = (token, time.monotonic() + min(seconds, 86400) - _SPARE)
        return f"Bearer {token}"

    def _check_realm(self, asked_by: Url, realm: Url) -> None:
        same = realm.host == asked_by.host or (is_loopback(realm.host) and is_loopback(asked_by.host))
        if realm.scheme == "http" and not (same and self._may_be_plain(realm)):
            raise CorruptError(
                f"the registry {asked_by.authority} names a token server without TLS, {realm.authority}: refused"
            )
        if asked_by.scheme == "http" and not same:
            raise CorruptError(
                f"the registry {asked_by.authority} is spoken to by plain HTTP and names a token server on another "
                f"host, {realm.authority}: refused",
                hint="anybody on the way could have written that; give the registry a certificate",
            )

    def _may_be_plain(self, url: Url) -> bool:
        return is_loopback(url.host) or self._insecure(url.authority)

    def _by_password(
        self, realm: Url, service: str, scope: str, found: Credentials | None, *, offline: bool
    ) -> dict[str, Any]:
        query = [("service", service)] if service else []
        query += [("scope", one) for one in scope.split()]
        headers = {"Accept": "application/json"}
        if found is not None:
            query.append(("account", found.user))
            if offline:
                query += [("offline_token", "true"), ("client_id", CLIENT)]
            headers["Authorization"] = _basic(found)
        joint = "&" if "?" in realm.text else "?"
        return self._token(
            "GET", f"{realm.text}{joint}{urlencode(query)}" if query else realm.text, headers, None
        )

    def _by_refresh_token(self, realm: Url, service: str, scope: str, token: str) -> dict[str, Any]:
        form = [
            ("grant_type", "refresh_token"),
            ("service", service),
            ("client_id", CLIENT),
            ("scope", scope),
            ("refresh_token", token),
        ]
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        return self._token("POST", realm.text, headers, urlencode(form).encode())

    def _token(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> dict[str, Any]:
        from rocker.models.jsontext import decode

        # A redirect would carry the answer's trust to another host: none is followed.
        response = self._transport.send(method, url, headers, body, insecure=self._may_skip, follow=False)
        host = response.url.authority
        if response.status != 200:  # noqa: PLR2004 -- HTTP's OK
            raise answered(response, f"{method} {response.url.shown}")
        with response:
            data = response.document(_MAX_TOKEN, f"the answer of the token server {host}")
        try:
            document = decode(data.decode())
        except (ValueError, RecursionError) as error:
            raise RegistryError(f"the token server {host} answered no JSON: {error}") from error
        if not isinstance(document, dict):
            raise RegistryError(f"the token server {host} answered no JSON object")
        return document

    def _may_skip(self, authority: str) -> bool:
        return self._insecure(authority)


def _basic(found: Credentials) -> str:
    pair = f"{found.user}:{found.password}".encode()
    return "Basic " + binascii.b2a_base64(pair, newline=False).decode()


def _is_printable(text: str) -> bool:
    return all("!" <= letter <= "~" for letter in text)
