"""The flags of an instruction: `--name=value`, by their kinds."""

from __future__ import annotations

from rocker.images.builder.errors import DockerfileError
from rocker.images.builder.suggest import did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Flags:
    """The flags that one instruction was given.

    Args:
        given: as written, each with `--`.
        texts: names of flags that have a value.
        lists: names of those that may be given several times.
        switches: names of those that are true without a value.

    Raises:
        DockerfileError: a flag is unknown, given twice, or has no value or a wrong one.
    """

    def __init__(
        self,
        given: Sequence[str],
        *,
        texts: Sequence[str] = (),
        lists: Sequence[str] = (),
        switches: Sequence[str] = (),
    ) -> None:
        self._texts: dict[str, str] = {}
        self._lists: dict[str, list[str]] = {}
        self._switches: dict[str, bool] = {}
        known = (*texts, *lists, *switches)
        for flag in given:
            written, equals, value = flag.partition("=")
            name = written[2:]
            if name not in known:
                raise DockerfileError(f"unknown flag: {written}{did_you_mean(name, known)}")
            if name in self._texts or name in self._switches:
                raise DockerfileError(f"duplicate flag specified: {written}")
            if (name not in switches and not equals) or (name in switches and equals and not value):
                raise DockerfileError(f"missing a value on flag: {written}")
            if name in switches:
                self._switches[name] = _boolean(written, value)
            elif name in lists:
                self._lists.setdefault(name, []).append(value)
            else:
                self._texts[name] = value

    def text(self, name: str, default: str = "") -> str:
        """The value of a flag."""
        return self._texts.get(name, default)

    def list(self, name: str) -> tuple[str, ...]:
        """All values of a flag that may be given several times."""
        return tuple(self._lists.get(name, ()))

    def switch(self, name: str) -> bool | None:
        """Whether a flag is on; None when it was not given."""
        return self._switches.get(name)


def _boolean(flag: str, value: str) -> bool:
    lower = value.lower()
    if lower not in ("", "true", "false"):
        raise DockerfileError(f"expecting boolean value for flag {flag}, not: {value}")
    return lower != "false"
