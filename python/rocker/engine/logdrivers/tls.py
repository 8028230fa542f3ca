"""TLS to a log server: whose certificates are trusted, and which is shown. Files are read when the container starts."""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_HOSTS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # RHEL 7
    "/etc/ssl/cert.pem",  # Alpine
)
"""Where a host keeps the authorities that it trusts, as Go looks for them; $SSL_CERT_FILE is before them."""
_MOST_BYTES = 4 << 20


def check(options: Mapping[str, str], prefix: str) -> None:
    """Refuse files that cannot be read, and a certificate without its key.

    Raises:
        InvalidArgumentError: so it is.
    """
    if bool(options.get(f"{prefix}-cert")) != bool(options.get(f"{prefix}-key")):
        raise InvalidArgumentError(
            f"could not load X509 key pair: {prefix}-cert and {prefix}-key belong together",
            hint="give both, or neither",
        )
    for name in ("ca-cert", "cert", "key"):
        if path := options.get(f"{prefix}-{name}"):
            _read(name, path)
    _skips(options, prefix)


def document(host: str, options: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Return `tls` of the `log.remote` object: contents, because the shim sees none of the host's files.

    Raises:
        InvalidArgumentError: a file cannot be read.
    """
    found: dict[str, Any] = {"server_name": host, "skip_verify": _skips(options, prefix)}
    if not found["skip_verify"]:
        ca = options.get(f"{prefix}-ca-cert")
        # Docker trusts the host's authorities beside the one that is named.
        roots = [_of_host(), *([_read("ca-cert", ca)] if ca else [])]
        found["roots"] = [text for text in roots if text]
    if options.get(f"{prefix}-cert"):
        found["certificate"] = _read("cert", options[f"{prefix}-cert"])
        found["key"] = _read("key", options[f"{prefix}-key"])
    return found


def _skips(options: Mapping[str, str], prefix: str) -> bool:
    """With Docker the option says so whatever its value is; here `false` means what it says."""
    text = options.get(f"{prefix}-skip-verify")
    if text is None:
        return False
    if not text:
        return True
    from rocker.parse.number import parse_bool

    try:
        return parse_bool(text)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"invalid value for {prefix}-skip-verify: {error.message}", hint="true or false"
        ) from error


def _read(name: str, path: str) -> str:
    what = "could not read CA certificate" if name == "ca-cert" else "could not load X509 key pair"
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise InvalidArgumentError(
            f'{what} "{path}": open {path}: {reason}', errno=error.errno, path=path
        ) from error
    if len(content) > _MOST_BYTES or b"-----BEGIN" not in content:
        raise InvalidArgumentError(f'{what} "{path}": it is no PEM file', path=path)
    return content.decode("ascii", "replace")


def _of_host() -> str:
    """The authorities that the host trusts; empty where it has none."""
    for path in (os.environ.get("SSL_CERT_FILE"), *_HOSTS):
        if path and os.path.isfile(path):
            return _read("ca-cert", path)
    return ""
