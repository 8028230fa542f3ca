"""The system call filter of a container: which profile, compiled ahead and kept by hash."""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError, NotFoundError
from rocker.parse.security import parse_security_opt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocker.engine.ports import Core

_MAX_PROFILE = 4 << 20
_INSTRUCTION = 8
_DIGEST = 32
_memory: dict[tuple[object, ...], str] = {}


def profile_of(security_opt: Sequence[str]) -> str:
    """Return `default`, `unconfined` or the path of a profile. The last `seccomp=` counts.

    Raises:
        InvalidArgumentError: see `parse_security_opt`.
    """
    profile = dict(map(parse_security_opt, security_opt)).get("seccomp", "default")
    return "default" if profile == "builtin" else profile


def filter_for(core: Core, root: str, profile: str, granted: tuple[str, ...]) -> str | None:
    """Return the compiled filter in base64, or None for `unconfined`.

    Kept in memory, and in `<root>/cache/seccomp/` by the hash of everything it depends on.

    Raises:
        NotFoundError: there is no such profile.
        InvalidArgumentError: the profile is not understood.
    """
    if profile == "unconfined":
        return None
    source = None if profile == "default" else _read(profile)
    # Not the root, which only says where the file lies: what a worker compiled at its rehearsal serves any root.
    key = (core.__version__, source or profile, granted)
    found = _memory.get(key)
    if found is None:
        import binascii

        found = binascii.b2a_base64(_load(core, root, profile, source, granted), newline=False).decode()
        if len(_memory) > 64:  # noqa: PLR2004 -- callers with ever new profiles must not grow us
            _memory.clear()
        _memory[key] = found
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_PROFILE + 1)
    except OSError as error:
        raise NotFoundError(
            f"opening seccomp profile ({path}) failed: {error.strerror}",
            hint="give default, unconfined or the path of a JSON profile",
            errno=error.errno,
            path=path,
        ) from error
    if len(text) > _MAX_PROFILE:
        raise InvalidArgumentError(f"seccomp profile {path} is larger than 4 MiB", path=path)
    return text


def _load(core: Core, root: str, profile: str, source: bytes | None, granted: tuple[str, ...]) -> bytes:
    name = _name(core, source, granted)
    path = f"{root}/cache/seccomp/{name}"
    program = _cached(core, path)
    if program is None:
        program = _compile(core, profile, source, granted)
        _keep(core, path, program)
    return program


def _name(core: Core, source: bytes | None, granted: tuple[str, ...]) -> str:
    """Hash the profile, the capabilities, the kernel and the compiler: all that decides the filter."""
    machine = os.uname()
    parts = (core.__version__, machine.machine, machine.release, *_stamps(), *granted)
    return core.sha256(b"".join(part.encode() + b"\0" for part in parts) + (source or b"default")).hex()


def _stamps() -> list[str]:
    """Times of the package's own profile and of its reader: a new version of either makes a new filter."""
    package = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "seccomp")
    return [str(os.stat(f"{package}/{name}").st_mtime_ns) for name in ("default.json", "__init__.py")]


def _cached(core: Core, path: str) -> bytes | None:
    """Read a filter; one that was cut short by a crash or a full disk is as good as none."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError:
        return None
    program = text[_DIGEST:]
    whole = program and not len(program) % _INSTRUCTION and core.sha256(program) == text[:_DIGEST]
    return program if whole else None


def _keep(core: Core, path: str, program: bytes) -> None:
    """Write it under a name of its own, then rename. A cache that cannot be written is only slower."""
    import contextlib

    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(core.sha256(program) + program)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _compile(core: Core, path: str, source: bytes | None, granted: tuple[str, ...]) -> bytes:
    import json

    import rocker.seccomp

    if source is None:
        profile = rocker.seccomp.default_profile()
    else:
        try:
            profile = json.loads(source)
        except ValueError as error:
            raise InvalidArgumentError(
                f"Decoding seccomp profile ({path}) failed: {error}",
                hint="a profile is a JSON file as Docker's",
                path=path,
            ) from error
        if not isinstance(profile, dict):
            raise InvalidArgumentError(
                f"Decoding seccomp profile ({path}) failed: it is no JSON object", path=path
            )
    machine = os.uname()
    document = rocker.seccomp.resolve(
        profile, capabilities=frozenset(granted), arch=machine.machine, kernel=_version(machine.release)
    )
    return core.seccomp_compile(json.dumps(document).encode())


def _version(release: str) -> tuple[int, int]:
    """Version and patch level of a kernel release such as `6.18.0-rc1`."""
    major, _, rest = release.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return (int(major) if major.isdecimal() else 0, int(digits) if digits else 0)
