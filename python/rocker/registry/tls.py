"""TLS to registries: the system's authorities, and what `certs.d` has for a host.

Directories and names are those of docker(1) and containers-certs.d(5): in `<directory>/<host[:port]>/` files `*.crt`
are authorities, and `NAME.cert` with `NAME.key` is a client's certificate, which only that host is shown.
"""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable


def directories() -> list[str]:
    """Where `certs.d` may be, the user's own first."""
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return [
        f"{config}/containers/certs.d",
        f"{config}/docker/certs.d",
        "/etc/containers/certs.d",
        "/etc/docker/certs.d",
    ]


def context(host: str, *, verify: bool = True) -> ssl.SSLContext:
    """A client's context for one host (`name[:port]`).

    Raises:
        InvalidArgumentError: a certificate or key of `certs.d` cannot be read; the message names the file.
    """
    import ssl

    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if verify:
        made.load_default_certs()
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    for directory in directories():
        _add(made, f"{directory}/{host}")
    return made


def _add(made: ssl.SSLContext, directory: str) -> None:
    from functools import partial

    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return
    for name in names:
        path = f"{directory}/{name}"
        if name.endswith(".crt"):
            _load(path, partial(made.load_verify_locations, path))
        elif name.endswith(".cert"):
            key = path.removesuffix(".cert") + ".key"
            if not os.path.exists(key):
                raise InvalidArgumentError(
                    f"missing key {os.path.basename(key)} for client certificate {name}. "
                    "CA certificates must use the extension .crt",
                    path=path,
                )
            _load(path, partial(made.load_cert_chain, path, key))
        elif name.endswith(".key") and not os.path.exists(path.removesuffix(".key") + ".cert"):
            cert = name.removesuffix(".key") + ".cert"
            raise InvalidArgumentError(f"missing client certificate {cert} for key {name}", path=path)


def _load(path: str, action: Callable[[], None]) -> None:
    import ssl

    try:
        action()
    except (OSError, ssl.SSLError) as error:
        raise InvalidArgumentError(f"{path}: {error}", path=path) from error
