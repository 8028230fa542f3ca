"""`HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case, by the rules of Go's `httpproxy` that Docker has.

https://pkg.go.dev/golang.org/x/net/http/httpproxy: a host of this machine is never reached through a proxy;
`NO_PROXY` is a list of hosts (with their subdomains), `.domain` or `*.domain` (subdomains alone), addresses and
networks, each with an optional port, or `*`.
"""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError, UnsupportedError
from rocker.registry.conf import is_loopback, split_port


class Proxy:
    """A proxy: where it is, and the value of `Proxy-Authorization` for it or None."""

    __slots__ = ("authorization", "host", "port")

    def __init__(self, host: str, port: int, authorization: str | None) -> None:
        self.host = host
        self.port = port
        self.authorization = authorization


def find(scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy for a URL's scheme, host and port, or None.

    Raises:
        UnsupportedError: it is to be spoken to by another protocol than HTTP.
        InvalidArgumentError: the variable holds no URL.
    """
    name = f"{scheme}_proxy"
    text = os.environ.get(name.upper()) or os.environ.get(name) or ""
    if not text or is_loopback(host) or _is_exempt(host, port):
        return None
    return _parse(text, name.upper())


def _parse(text: str, name: str) -> Proxy:
    from urllib.parse import unquote, urlsplit

    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        host, port = url.hostname, url.port or 80
    except ValueError:
        raise InvalidArgumentError(f"{name}: it is no URL of a proxy") from None
    if url.scheme != "http":
        raise UnsupportedError(
            f"{name}: proxies of the kind {url.scheme!r} are not offered", hint="give an http:// proxy"
        )
    if not host:
        raise InvalidArgumentError(f"{name}: it names no host")
    authorization = None
    if url.username is not None:
        import binascii

        pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
        authorization = "Basic " + binascii.b2a_base64(pair.encode(), newline=False).decode()
    return Proxy(host, port, authorization)


def _is_exempt(host: str, port: int) -> bool:
    text = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return any(_fits(entry.strip().lower(), host.lower(), port) for entry in text.split(",") if entry.strip())


def _fits(entry: str, host: str, port: int) -> bool:
    from ipaddress import ip_address, ip_network

    if entry == "*":
        return True
    if "/" in entry:
        try:
            return ip_address(host) in ip_network(entry, strict=False)
        except ValueError:
            return False
    if entry.count(":") > 1 and not entry.startswith("["):
        name, wanted = entry, ""
    else:
        name, wanted = split_port(entry)
    if wanted and wanted != str(port):
        return False
    name = name.removeprefix("*")
    if name.startswith("."):
        return host.endswith(name)
    return host == name or host.endswith("." + name)
