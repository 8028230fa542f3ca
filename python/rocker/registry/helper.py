"""Credential helpers: programs `docker-credential-NAME` in PATH.

Protocol: https://github.com/docker/docker-credential-helpers#development. One verb as argument, the server's URL (or
a JSON object for `store`) on standard input, the answer on standard output; on failure the message is there too.
"""

from __future__ import annotations

from rocker.errors import InvalidArgumentError, RegistryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NOT_FOUND = ("credentials not found in native keychain", "credentials server URL", "no credentials")
_SECONDS = 60
_MAX_ANSWER = 1 << 20


def get(name: str, server: str) -> tuple[str, str] | None:
    """User and secret that a helper has for a server, or None.

    Raises:
        RegistryError: the helper failed.
    """
    code, answer = _run(name, "get", server)
    if code:
        if answer.startswith(_NOT_FOUND):
            return None
        raise RegistryError(f"docker-credential-{name} get {server}: {answer}")
    document = _object(name, answer)
    user, secret = document.get("Username"), document.get("Secret")
    if not isinstance(user, str) or not isinstance(secret, str):
        raise RegistryError(f"docker-credential-{name} get {server}: Username and Secret must be texts")
    return user, secret


def store(name: str, server: str, user: str, secret: str) -> None:
    """Give a helper a secret to keep. Raises RegistryError when it fails."""
    from rocker.models.jsontext import encode

    code, answer = _run(name, "store", encode({"ServerURL": server, "Username": user, "Secret": secret}))
    if code:
        raise RegistryError(f"docker-credential-{name} store: {answer}")


def erase(name: str, server: str) -> None:
    """Have a helper forget a server. Raises RegistryError when it fails."""
    code, answer = _run(name, "erase", server)
    if code and not answer.startswith(_NOT_FOUND):
        raise RegistryError(f"docker-credential-{name} erase {server}: {answer}")


def _run(name: str, verb: str, data: str) -> tuple[int, str]:
    import subprocess

    if not name or not all(letter.isalnum() or letter in "-_." for letter in name):
        raise InvalidArgumentError(f"invalid name of a credential helper: {name!r}")
    program = f"docker-credential-{name}"
    try:
        done = subprocess.run(
            [program, verb], input=data.encode(), capture_output=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise RegistryError(
            f'error getting credentials - err: exec: "{program}": executable file not found in $PATH',
            hint="install the helper, or take credsStore and credHelpers out of config.json",
        ) from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RegistryError(f"{program} {verb}: {error}") from error
    return done.returncode, done.stdout[:_MAX_ANSWER].decode(errors="replace").strip()


def _object(name: str, text: str) -> dict[str, Any]:
    from rocker.models.jsontext import decode

    try:
        found = decode(text)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"docker-credential-{name}: its answer is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RegistryError(f"docker-credential-{name}: its answer is no JSON object")
    return found
