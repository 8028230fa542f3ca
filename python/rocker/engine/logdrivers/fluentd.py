"""The driver `fluentd`."""

from __future__ import annotations

from rocker.engine.logdrivers.address import Address, internet, unix
from rocker.engine.logdrivers.attributes import attributes
from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rocker.engine.logdrivers.identity import Identity

_HOST = "127.0.0.1"
_PORT = 24224
_RECORDS = 1 << 20
_RETRIES = (1 << 31) - 1
_MILLISECOND = 10**6
_SHORTEST, _LONGEST = 100, 10_000


def check(options: Mapping[str, str]) -> None:
    """Refuse wrong values.

    Raises:
        InvalidArgumentError: so they are.
    """
    _address(options.get("fluentd-address", ""))
    _settings(options)


def _address(text: str) -> Address:
    """The address; an empty host and no port are the defaults."""
    written = text if "://" in text or not text else f"tcp://{text}"

    def wrong(why: str) -> InvalidArgumentError:
        return InvalidArgumentError(f"invalid fluentd-address ({text}): {why}")

    try:
        address = Address(written or f"tcp://{_HOST}:{_PORT}")
    except InvalidArgumentError as error:
        raise wrong(error.message) from error
    if address.scheme == "unix":
        if not address.path.strip("/"):
            raise wrong("path is empty")
    elif address.scheme not in {"tcp", "tls"}:
        raise wrong(f"unsupported scheme: '{address.scheme}'")
    elif address.path:
        raise wrong("should not contain a path element")
    return address


def _settings(options: Mapping[str, str]) -> dict[str, Any]:
    """The numbers and switches, in the launch request's words."""
    late = _switch(options, "fluentd-async")
    found: dict[str, Any] = {
        "late": late,
        "retry": {
            "attempts": _number(options.get("fluentd-max-retries")),
            "wait": _milliseconds(options, "fluentd-retry-wait", 1000),
            "grows": True,
        },
        "write_timeout": _milliseconds(options, "fluentd-write-timeout", 0),
        "read_timeout": _milliseconds(options, "fluentd-read-timeout", 0),
    }
    limit = _limit(options.get("fluentd-buffer-limit"))
    interval = _milliseconds(options, "fluentd-async-reconnect-interval", 0)
    if interval and not _SHORTEST <= interval <= _LONGEST:
        text = options["fluentd-async-reconnect-interval"]
        raise InvalidArgumentError(
            f'invalid value for fluentd-async-reconnect-interval: value ("{text}") must be between 100ms and 10s'
        )
    if late:
        # The container is never held back: what does not fit into the buffer is dropped.
        found.update(non_blocking=True, max_buffer=(1 << 63) - 1, max_records=limit, reconnect=interval)
    return found


def _limit(text: str | None) -> int:
    if not text:
        return _RECORDS
    from rocker.parse.size import named_size

    return named_size("fluentd-buffer-limit", text)


def _number(text: str | None) -> int:
    if not text:
        return _RETRIES
    if not text.isdecimal() or int(text) > _RETRIES:
        raise InvalidArgumentError("invalid fluentd-max-retries: value out of range", hint=f"0 to {_RETRIES}")
    return int(text)


def _switch(options: Mapping[str, str], name: str) -> bool:
    from rocker.parse.number import parse_bool

    try:
        return bool(options.get(name)) and parse_bool(options[name])
    except InvalidArgumentError as error:
        raise InvalidArgumentError(
            f"invalid value for {name}: {error.message}", hint="true or false"
        ) from error


def _milliseconds(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if not text:
        return default
    from rocker.parse.duration import parse_duration

    try:
        found = parse_duration(text)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"invalid value for {name}: value must be a duration") from error
    if found < 0:
        raise InvalidArgumentError(f"invalid value for {name}: value must be a duration that is non-negative")
    return found // _MILLISECOND


def remote(identity: Identity) -> dict[str, Any]:
    """Return the `log.remote` object."""
    options = identity.options
    address = _address(options.get("fluentd-address", ""))
    form = {
        "tag": identity.tag(),
        "record": {
            "container_id": identity.id,
            "container_name": f"/{identity.name}",
            **attributes(identity.config),
        },
        "sub_second": _switch(options, "fluentd-sub-second-precision"),
        "acknowledge": _switch(options, "fluentd-request-ack"),
    }
    found: dict[str, Any] = {"form": {"fluentd": form}, "name": address.text, **_settings(options)}
    if address.scheme == "unix":
        return found | unix(address.path, datagrams=False)
    if address.scheme == "tls":
        from rocker.engine.logdrivers.tls import document as tls

        found["tls"] = tls(address.host or _HOST, {}, "")
    return found | {"address": internet("tcp", address.host or _HOST, address.port or _PORT)}
