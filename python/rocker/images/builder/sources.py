"""What the sources of `COPY` and `ADD` are, and what they may be."""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.instructions import Add

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from rocker.images.builder.instructions import Files

    Kind = Literal["local", "http", "git"]

_MODES = 0o7777
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_USER = _LETTERS | {"_"}
_HOST = _LETTERS | {"."}
_OCTAL = frozenset("01234567")


def kind_of(source: str) -> Kind:
    """Where a source comes from: the build context or a stage, a web server, or a Git repository.

    `https://` is a repository when its path ends with `.git`, `git://`, `ssh://` and `user@host:path` always are.
    """
    scheme, found, rest = source.partition("://")
    if found and scheme.isascii() and scheme.isalnum():
        scheme = scheme.lower()
        if scheme in ("git", "ssh"):
            return "git"
        if scheme in ("http", "https"):
            path = rest.partition("#")[0].partition("?")[0].partition("/")[2]
            return "git" if path.endswith(".git") else "http" if source.startswith(scheme) else "local"
        return "local"
    return "git" if _is_scp_style(source) else "local"


def _is_scp_style(source: str) -> bool:
    """`user@host:path`, as Git takes it for SSH."""
    user, at, rest = source.partition("@")
    host, colon, _path = rest.partition(":")
    return bool(at and colon and user and host and _USER.issuperset(user) and _HOST.issuperset(host))


def check_files(files: Files) -> None:
    """Refuse what an expanded `COPY` or `ADD` may not have.

    Raises:
        DockerfileError: a remote source of `COPY`, a checksum without one remote source, a wrong mode.
    """
    if files.chmod:
        check_mode(files.chmod)
    kinds = [kind_of(source) for source in files.sources]
    if not isinstance(files, Add):
        if "git" in kinds:
            raise DockerfileError("source can't be a git ref for COPY", hint="ADD takes repositories")
        if "http" in kinds:
            raise DockerfileError("source can't be a URL for COPY", hint="ADD takes URLs")
        return
    if files.checksum:
        if len(kinds) != 1:
            raise DockerfileError("checksum can't be specified for multiple sources")
        if kinds[0] == "local":
            raise DockerfileError("checksum requires HTTP(S) or Git sources")


def check_mode(text: str) -> None:
    """Refuse what is no mode for `--chmod`: octal digits up to 7777, or chmod(1)'s `u=rwX,go-w`.

    Raises:
        DockerfileError: it is neither.
    """
    if text.isascii() and text.isdigit():
        if not _OCTAL.issuperset(text) or len(text.lstrip("0")) > 4 or int(text, 8) > _MODES:  # noqa: PLR2004 -- digits of 7777
            raise DockerfileError(
                f"invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777"
            )
        return
    import re

    clause = "[ugoa]*(?:[-+=](?:[rwxXst]*|[ugo]))+"
    if re.fullmatch(f"{clause}(?:,{clause})*", text) is None:
        raise DockerfileError(f"invalid chmod parameter: '{text}'", hint="for example 0644 or u=rwX,go=rX")
