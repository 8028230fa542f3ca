"""Platforms: `linux/arm64/v8`, as containerd writes and reads them."""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError
from rocker.models.struct import Struct
from rocker.parse.number import quote

_OS = frozenset({
    "aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js", "linux", "nacl", "netbsd",
    "openbsd", "plan9", "solaris", "windows", "zos",
})  # fmt: skip
_ARCHITECTURES = frozenset({
    "386", "amd64", "amd64p32", "arm", "armbe", "arm64", "arm64be", "ppc64", "ppc64le", "loong64", "mips", "mipsle",
    "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc", "riscv", "riscv64", "s390", "s390x", "sparc", "sparc64",
    "wasm",
})  # fmt: skip
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_VERSION = _LETTERS | frozenset(".%+")
_VARIANTS = {
    "amd64": {"v1": ""},
    "arm64": {"8": "", "v8": "", "v8.0": "", "9": "v9", "9.0": "v9", "v9.0": "v9"},
    "arm": {"": "v7", "7": "v7", "5": "v5", "6": "v6", "8": "v8"},
}
_NAMES = {
    "i386": ("386", ""),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_MOST_PARTS = 3


class Platform(Struct):
    """What an image is made for."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    @property
    def name(self) -> str:
        """`linux/arm/v7`."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def full_name(self) -> str:
        """The same with the system's version: `windows(10.0.17763)/amd64`."""
        system = f"{self.os}({self.os_version})" if self.os_version else self.os
        return "/".join(part for part in (system, self.architecture, self.variant) if part)


def host_platform() -> Platform:
    """This machine's."""
    import os

    machine = os.uname().machine.lower()
    architecture, variant = _architecture(machine, "")
    if machine.startswith("armv"):
        architecture, variant = "arm", "v" + machine[4:5]
    return Platform("linux", architecture, variant)


def parse_platform(text: str) -> Platform:
    """Read a platform; what is left out is this machine's.

    Raises:
        DockerfileError: it is none.
    """
    system, *rest = text.split("/")
    name, version = _system(system, text)
    if len(rest) >= _MOST_PARTS:
        raise DockerfileError(f"{quote(text)}: cannot parse platform specifier: invalid argument")
    for part in rest:
        if not part or not (_LETTERS | {"."}).issuperset(part):
            raise DockerfileError(f"{quote(part)} is an invalid component of {quote(text)}")
    if rest:
        architecture, variant = _architecture(rest[0], rest[1] if len(rest) > 1 else "")
        if len(rest) == 1 and (architecture, variant) == ("arm", "v7"):
            variant = ""
        if len(rest) > 1 and architecture == "arm64" and not variant:
            variant = "v8"
        return Platform(name, architecture, variant, version)
    if name in _OS:
        return host_platform().replace(os=name, os_version=version)
    architecture, variant = _architecture(system, "")
    if architecture in _ARCHITECTURES:
        return Platform("linux", architecture, "" if (architecture, variant) == ("arm", "v7") else variant)
    raise DockerfileError(f"{quote(text)}: unknown operating system or architecture: invalid argument")


def _system(text: str, whole: str) -> tuple[str, str]:
    name, bracket, version = text.partition("(")
    closed = version.endswith(")") if bracket else True
    version = version.removesuffix(")")
    if not name or not _LETTERS.issuperset(name) or not closed or not _VERSION.issuperset(version):
        raise DockerfileError(f"{quote(text)} is an invalid OS component of {quote(whole)}")
    name = name.lower()
    return ("darwin" if name == "macos" else name), version.partition("+")[0]


def _architecture(name: str, variant: str) -> tuple[str, str]:
    name, variant = name.lower(), variant.lower()
    name, fixed = _NAMES.get(name, (name, None))
    if fixed is not None:
        return name, fixed
    return name, _VARIANTS.get(name, {}).get(variant, variant)
