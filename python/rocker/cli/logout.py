"""`rocker logout`."""

from __future__ import annotations

from rocker.cli.command import DockerCommand, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rocker.cli.app import App


def logout(app: App, _values: Values, arguments: list[str]) -> int:
    """Forget the credentials for a registry."""
    from rocker.registry import keyring
    from rocker.registry.source import credential_key

    domain = keyring.domain_of(arguments[0] if arguments else "")
    app.out(f"Removing login credentials for {credential_key(domain)}")
    keyring.logout(domain)
    return 0


COMMAND = DockerCommand(
    "logout",
    logout,
    usage="[SERVER]",
    summary="Log out from a registry.\nIf no server is specified, the default is Docker Hub.",
    most=1,
)
