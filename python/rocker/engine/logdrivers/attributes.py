"""Labels and variables that a log's records repeat: the options `labels`, `env` and their `-regex`."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping

    from rocker.engine.config import ContainerConfig


def attributes(config: ContainerConfig, rename: Callable[[str], str] | None = None) -> dict[str, str]:
    """Return them by name; `rename` makes a driver's names of them."""
    options = config.options.log_opts
    env = {name: value for name, equals, value in (entry.partition("=") for entry in config.env) if equals}
    found: dict[str, str] = {}
    for key, source in (("labels", config.labels), ("env", env)):
        names = [name for name in options.get(key, "").split(",") if name in source]
        if options.get(f"{key}-regex"):
            expression = _expression(key, options[f"{key}-regex"])
            names += [name for name in source if expression.search(name)]
        found.update({rename(name) if rename else name: source[name] for name in names})
    return found


def check_expressions(options: Mapping[str, str]) -> None:
    """Refuse what is no regular expression.

    Raises:
        InvalidArgumentError: so it is.
    """
    for key in ("labels", "env"):
        if options.get(f"{key}-regex"):
            _expression(key, options[f"{key}-regex"])


def _expression(key: str, text: str) -> re.Pattern[str]:
    import re

    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidArgumentError(
            f"{key}-regex: error parsing regexp: {error}: `{text}`",
            hint="Python's syntax, which is nearly Go's",
        ) from error
