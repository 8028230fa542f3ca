"""`rocker login`."""

from __future__ import annotations

import sys

from rocker.cli.command import DockerCommand, Values
from rocker.cli.flags import Flag
from rocker.errors import DeniedError, InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App

_MAX_PASSWORD = 1 << 20


def login(app: App, values: Values, arguments: list[str]) -> int:
    """Try credentials at a registry and keep them."""
    from rocker.registry import keyring

    password = _given_password(app, values)
    domain = keyring.domain_of(arguments[0] if arguments else "")
    if values["username"] is None and password is None and _again(app, domain):
        return 0
    user = values["username"] or _ask(app, domain)
    if password is None:
        password = _ask_password()
    if not user or not password:
        raise InvalidArgumentError("Password Required" if user else "Non-null Username Required")
    try:
        file = keyring.login(domain, user, password)
    except DeniedError as error:
        raise DeniedError(f"login attempt to {domain} failed: {error.message}", hint=error.hint) from error
    if file is not None:
        app.err(
            f"\nWARNING! Your credentials are stored unencrypted in '{file}'.\n"
            "Configure a credential helper to remove this warning. See\n"
            "https://docs.docker.com/go/credential-store/\n"
        )
    app.out("Login Succeeded")
    return 0


def _given_password(app: App, values: Values) -> str | None:
    password: str | None = values["password"]
    if password is not None:
        app.err("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
        if values["password_stdin"]:
            raise InvalidArgumentError(
                "conflicting options: cannot specify both --password and --password-stdin"
            )
        return password
    if not values["password_stdin"]:
        return None
    if not values["username"]:
        raise InvalidArgumentError("the --password-stdin option requires --username to be set")
    data = sys.stdin.buffer.read(_MAX_PASSWORD)
    return data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")


def _again(app: App, domain: str) -> bool:
    """Log in with what is kept; whether that went well."""
    from rocker.registry import credentials, keyring

    found = credentials.find(domain)
    if found is None:
        return False
    app.out(f"Authenticating with existing credentials... [Username: {found.user}]")
    try:
        keyring.check(domain, found)
    except DeniedError as error:
        app.err(f"Login did not succeed, error: {error.message}")
        return False
    app.out("Login Succeeded")
    return True


def _ask(app: App, domain: str) -> str:
    _need_terminal()
    if domain == "docker.io":
        app.out("Login with your Docker ID or email address to push and pull images from Docker Hub.")
    sys.stdout.write("Username: ")
    app.flush()
    return sys.stdin.readline().strip()


def _ask_password() -> str:
    from getpass import getpass

    _need_terminal()
    return getpass("Password: ")


def _need_terminal() -> None:
    if not sys.stdin.isatty():
        raise InvalidArgumentError(
            "Cannot perform an interactive login from a non TTY device",
            hint="use --username and --password-stdin",
        )


COMMAND = DockerCommand(
    "login",
    login,
    usage="[OPTIONS] [SERVER]",
    summary="Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
    flags=[
        Flag("-p", "--password", kind="string", help="Password or Personal Access Token (PAT)"),
        Flag("--password-stdin", help="Take the Password or Personal Access Token (PAT) from stdin"),
        Flag("-u", "--username", kind="string", help="Username"),
    ],
    most=1,
)
