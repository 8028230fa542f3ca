"""The values of variables: what is there before the first stage, and what each stage adds.

Of three sources the first wins: `--build-arg`; the default of an `ARG`; and for an `ARG` in a stage that has neither,
the `ARG` of that name before the first `FROM`. Those and the platform's are for `FROM` lines alone until a stage
declares them. A stage on another one begins with all that one ended with.
"""

from __future__ import annotations

from rocker.images.builder.platform import host_platform
from rocker.images.builder.words import expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rocker.images.builder.dockerfile import Dockerfile
    from rocker.images.builder.expand import Expander
    from rocker.images.builder.instructions import Arg, Argument, Env
    from rocker.images.builder.platform import Platform

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Of a stage whose base has none."""

PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
"""Build arguments that need no `ARG`, in upper or lower case; they are no part of the image or its history."""

SETTINGS = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})
"""Arguments for the builder, which never are variables."""


class Arguments:
    """What holds for the whole build.

    Args:
        dockerfile: its global arguments are read.
        build_args: `--build-arg`.
        target: `--target`, or "".
        platform: what is built for; this machine's by default.
        build_platform: what builds: this machine's by default.

    Attributes:
        build_args: as given.
        platform: what is built for.
        predefined: the platform's arguments and `TARGETSTAGE`.
        values: these, and the global arguments that have a value.
        declared: the names of all global arguments.

    Raises:
        DockerfileError: a default cannot be expanded; with its place.
    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        *,
        build_args: Mapping[str, str] | None = None,
        target: str = "",
        platform: Platform | None = None,
        build_platform: Platform | None = None,
    ) -> None:
        self.build_args = dict(build_args or {})
        self.platform = platform or host_platform()
        self.escape = dockerfile.escape
        stage = target or dockerfile.stages[-1].head.name or "default"
        predefined = _platform_arguments(self.platform, build_platform or host_platform(), stage)
        self.predefined = {name: self.build_args.get(name, value) for name, value in predefined.items()}
        self._global = dockerfile.global_arguments
        self.values = self._with(self.build_args)
        self.declared = frozenset(
            argument.name for arg in dockerfile.global_arguments for argument in arg.arguments
        )

    def defaults(self) -> dict[str, str]:
        """The values that there would be without any `--build-arg`. Raises DockerfileError."""
        return self._with({})

    def _with(self, build_args: Mapping[str, str]) -> dict[str, str]:
        from rocker.images.builder.errors import DockerfileError

        values = dict(self.predefined)
        for arg in self._global:
            try:
                for argument in arg.arguments:
                    value = build_args.get(argument.name)
                    if value is None and argument.default is not None:
                        value = expand(argument.default, values, escape=self.escape).text
                    if value is not None:
                        values[argument.name] = value
            except DockerfileError as error:
                raise error.at(arg.origin.start, arg.origin.end, arg.origin.text) from None
        return values

    def proxies(self) -> dict[str, str]:
        """The variables, in both cases, that every `RUN` has besides those of its stage."""
        found: dict[str, str] = {}
        for name in sorted(self.build_args):
            if name.lower() in PROXIES:
                found[name.upper()] = found[name.lower()] = self.build_args[name]
        return found

    def unused(self, declared: Iterable[str]) -> list[str]:
        """Names of build arguments that no `ARG` declares, sorted; `declared` are those that stages do."""
        known = {*self.declared, *self.predefined, *declared}
        return sorted(
            name for name in self.build_args
            if name not in known and name.lower() not in PROXIES and not name.startswith("BUILDKIT_")
            and name != "SOURCE_DATE_EPOCH"
        )  # fmt: skip


def _platform_arguments(platform: Platform, builder: Platform, stage: str) -> dict[str, str]:
    return {
        "BUILDPLATFORM": builder.name,
        "BUILDOS": builder.os,
        "BUILDOSVERSION": builder.os_version,
        "BUILDARCH": builder.architecture,
        "BUILDVARIANT": builder.variant,
        "TARGETPLATFORM": platform.full_name,
        "TARGETOS": platform.os,
        "TARGETOSVERSION": platform.os_version,
        "TARGETARCH": platform.architecture,
        "TARGETVARIANT": platform.variant,
        "TARGETSTAGE": stage,
    }


class Scope:
    """The variables of one stage, from its `FROM` to its end.

    Args:
        arguments: the build's.
        environment: `Env` of the base image; not with `base`.
        base: what the stage that this one is based on ended with.

    Attributes:
        values: all variables, for expansion and for `RUN`.
        environment: those that the image has.
        arguments: every `ARG` so far, of the bases too, with its value or None, in order.
    """

    def __init__(
        self,
        arguments: Arguments,
        environment: Mapping[str, str] | None = None,
        *,
        base: Scope | None = None,
    ) -> None:
        self._arguments = arguments
        self.environment: dict[str, str] = dict(base.environment if base else environment or {})
        self.environment.setdefault("PATH", PATH)
        # What the base's image has wins over what was an argument there.
        self.values: dict[str, str] = {**(base.values if base else {}), **self.environment}
        self.arguments: dict[str, str | None] = dict(base.arguments) if base else {}

    def set(self, env: Env) -> None:
        """`ENV`, expanded."""
        for pair in env.pairs:
            self.environment[pair.name] = self.values[pair.name] = pair.value

    def declare(self, arg: Arg, expander: Expander) -> Arg:
        """`ARG`, not expanded; the answer has as defaults the values that now hold.

        Raises:
            DockerfileError: a default that is needed cannot be expanded.
        """
        return arg.replace(arguments=tuple(self._declare(one, expander) for one in arg.arguments))

    def _declare(self, argument: Argument, expander: Expander) -> Argument:
        value = self._arguments.build_args.get(argument.name)
        if value is None:
            if argument.default is not None:
                value = expander.word(argument.default)
            else:
                value = self._arguments.values.get(argument.name)
        if value is not None and argument.name not in SETTINGS:
            self.values[argument.name] = value
        self.arguments[argument.name] = value
        return argument.replace(default=value)
