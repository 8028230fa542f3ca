"""System call filters: the default profile, and profiles made ready for one container.

A profile has Docker's format: the rules of the OCI specification, with `includes` and `excludes` that depend
on the container's capabilities, the machine's architecture and the kernel's version. `resolve` decides those
and gives the `linux.seccomp` object of the specification, which the core compiles.

Format: <https://docs.docker.com/engine/security/seccomp/>.
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import Any, Final

from rocker.errors import InvalidArgumentError

__all__ = ["default_profile", "resolve"]

# Architectures as the kernel names them (`uname -m`) and as Docker does, with the specification's name.
_ARCHITECTURES: Final = {
    "x86_64": ("amd64", "SCMP_ARCH_X86_64"),
    "amd64": ("amd64", "SCMP_ARCH_X86_64"),
    "aarch64": ("arm64", "SCMP_ARCH_AARCH64"),
    "arm64": ("arm64", "SCMP_ARCH_AARCH64"),
}

# Members of a profile that are not in `linux.seccomp`, and those that are.
_OWN: Final = frozenset({"archMap", "syscalls", "architectures"})
_PASSED_ON: Final = frozenset(
    {"defaultAction", "defaultErrnoRet", "flags", "listenerPath", "listenerMetadata"},
)
_RULE_PASSED_ON: Final = ("action", "errnoRet", "args")
_RULE: Final = frozenset({*_RULE_PASSED_ON, "name", "names", "comment", "includes", "excludes"})
_FILTER: Final = frozenset({"caps", "arches", "minKernel"})


@functools.cache
def _default_text() -> str:
    return importlib.resources.files(__name__).joinpath("default.json").read_text(encoding="utf-8")


def default_profile() -> dict[str, Any]:
    """Read the profile that containers get unless another is asked for; a new object at each call."""
    profile: dict[str, Any] = json.loads(_default_text())
    return profile


def resolve(
    profile: dict[str, Any],
    *,
    capabilities: frozenset[str],
    arch: str,
    kernel: tuple[int, int],
    i386: bool = True,
) -> dict[str, Any]:
    """Make a profile ready for one container.

    Args:
        profile: in Docker's format; not changed.
        capabilities: the container's bounding set, names as `CAP_SYS_ADMIN`.
        arch: the machine's, as `uname -m` or Docker names it: x86_64, amd64, aarch64, arm64.
        kernel: version and patch level, for example (6, 18).
        i386: False leaves out the profile's sub-architectures, so that a 32-bit program is killed. Its
            `socketcall` has arguments that no filter sees.

    Returns:
        The `linux.seccomp` object of the OCI specification.

    Raises:
        InvalidArgumentError: something in the profile is unknown or of the wrong type; it says what and
            where.
    """
    if arch not in _ARCHITECTURES:
        raise InvalidArgumentError(
            f"no seccomp profile for the architecture `{arch}`",
            hint=f"known are {', '.join(_ARCHITECTURES)}",
        )
    name, native = _ARCHITECTURES[arch]
    _members(profile, _OWN | _PASSED_ON, "the profile")
    if not isinstance(profile.get("defaultAction"), str):
        raise InvalidArgumentError("seccomp: the profile has no `defaultAction`")
    resolved = {key: value for key, value in profile.items() if key in _PASSED_ON}
    architectures = _architectures(profile, native, i386=i386)
    if architectures:
        resolved["architectures"] = architectures
    rules = _list(profile, "syscalls", "the profile")
    resolved["syscalls"] = [
        _rule(rule, where)
        for where, rule in _numbered(rules)
        if _wanted(rule, where, capabilities=capabilities, arch=name, kernel=kernel)
    ]
    return resolved


def _architectures(profile: dict[str, Any], native: str, *, i386: bool) -> list[str]:
    """The architectures whose calls are looked at, the machine's first."""
    given = _texts(profile, "architectures", "the profile")
    mapped = _list(profile, "archMap", "the profile")
    if given and mapped:
        raise InvalidArgumentError(
            "seccomp: the profile has both `architectures` and `archMap`", hint="use one of them"
        )
    if not i386:
        return [native]
    if not mapped:
        return list(given)
    for entry in mapped:
        if not isinstance(entry, dict):
            raise InvalidArgumentError("seccomp: an entry of `archMap` is not an object")
        if entry.get("architecture") == native:
            return [native, *_texts(entry, "subArchitectures", "`archMap`")]
    return []


def _numbered(rules: list[Any]) -> list[tuple[str, dict[str, Any]]]:
    """The rules with words for where they are; checks that they are objects with known members."""
    numbered = []
    for index, rule in enumerate(rules):
        where = f"rule {index} of `syscalls`"
        if not isinstance(rule, dict):
            raise InvalidArgumentError(f"seccomp: {where} is not an object")
        _members(rule, _RULE, where)
        numbered.append((where, rule))
    return numbered


def _wanted(
    rule: dict[str, Any],
    where: str,
    *,
    capabilities: frozenset[str],
    arch: str,
    kernel: tuple[int, int],
) -> bool:
    """Whether a rule holds here: it includes all capabilities that it names, and excludes none."""
    includes, excludes = _conditions(rule, "includes", where), _conditions(rule, "excludes", where)
    if includes:
        arches, least = _texts(includes, "arches", where), includes.get("minKernel")
        if not capabilities.issuperset(_texts(includes, "caps", where)):
            return False
        if (arches and arch not in arches) or (least and kernel < _kernel(least, where)):
            return False
    if excludes:
        arches, least = _texts(excludes, "arches", where), excludes.get("minKernel")
        if not capabilities.isdisjoint(_texts(excludes, "caps", where)):
            return False
        if arch in arches or (least and kernel >= _kernel(least, where)):
            return False
    return True


def _rule(rule: dict[str, Any], where: str) -> dict[str, Any]:
    """A rule as the specification has it."""
    names, single = _texts(rule, "names", where), rule.get("name")
    if single and names:
        raise InvalidArgumentError(f"seccomp: {where} has both `name` and `names`", hint="use one of them")
    if not isinstance(rule.get("action"), str):
        raise InvalidArgumentError(f"seccomp: {where} has no `action`")
    resolved: dict[str, Any] = {"names": [single] if single else names}
    for key in _RULE_PASSED_ON:
        if rule.get(key) is not None:
            resolved[key] = rule[key]
    return resolved


def _conditions(rule: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    value = rule.get(key) or {}
    if not isinstance(value, dict):
        raise InvalidArgumentError(f"seccomp: `{key}` of {where} is not an object")
    _members(value, _FILTER, f"`{key}` of {where}")
    return value


def _members(value: dict[str, Any], known: frozenset[str], where: str) -> None:
    """Refuse a member that is not known: what is not understood may be what was to protect."""
    unknown = sorted(value.keys() - known)
    if unknown:
        raise InvalidArgumentError(
            f"seccomp: {where} has an unknown member `{unknown[0]}`",
            hint=f"known are {', '.join(sorted(known))}",
        )


def _list(value: dict[str, Any], key: str, where: str) -> list[Any]:
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise InvalidArgumentError(f"seccomp: `{key}` of {where} is not a list")
    return found


def _texts(value: dict[str, Any], key: str, where: str) -> list[str]:
    found = _list(value, key, where)
    if not all(isinstance(text, str) for text in found):
        raise InvalidArgumentError(f"seccomp: `{key}` of {where} is not a list of strings")
    return found


def _kernel(text: object, where: str) -> tuple[int, int]:
    """`4.8` as (4, 8)."""
    major, dot, minor = str(text).partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise InvalidArgumentError(
            f"seccomp: `minKernel` of {where} is `{text}`", hint="give for example 4.8"
        )
    return int(major), int(minor)
