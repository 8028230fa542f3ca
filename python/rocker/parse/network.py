"""`--network NAME` or `--network name=NAME,alias=…,ip=…`, and the addresses beside it."""

from __future__ import annotations

from rocker.engine.options import Attachment
from rocker.errors import InvalidArgumentError
from rocker.network.address import packed
from rocker.parse.number import parse_int, quote

_TEXTS = {"ip": "ip", "ip6": "ip6", "mac-address": "mac_address"}
_LISTS = {"alias": "aliases", "link-local-ip": "link_local_ips"}


def parse_network(text: str) -> Attachment:
    """One `--network`. Raises InvalidArgumentError with Docker's text."""
    if "=" not in text:
        return Attachment(text)
    from rocker.parse.mount import split_csv

    given: dict[str, object] = {}
    name = ""
    for field in split_csv(text):
        key, equals, value = (part.strip() for part in field.partition("="))
        if not equals or not key:
            raise InvalidArgumentError(f"invalid field {field}", hint="write name=NETWORK,alias=NAME")
        if key == "name":
            name = value
        else:
            _set(given, key, value)
    if not name:
        raise InvalidArgumentError("network name/id is not specified", hint="name=NETWORK names it")
    return Attachment(name).replace(**given)


def _set(given: dict[str, object], key: str, value: str) -> None:
    if key in _TEXTS:
        given[_TEXTS[key]] = value
    elif key in _LISTS:
        before = given.get(_LISTS[key], ())
        given[_LISTS[key]] = (*before, value) if isinstance(before, tuple) else (value,)
    elif key == "driver-opt":
        name, option = parse_driver_option(value)
        before = given.get("driver_opts", {})
        given["driver_opts"] = {**before, name: option} if isinstance(before, dict) else {name: option}
    elif key == "gw-priority":
        given["gw_priority"] = parse_priority(value)
    else:
        raise InvalidArgumentError(
            f"invalid field key {key}",
            hint="keys are name, " + ", ".join([*_LISTS, *_TEXTS, "driver-opt", "gw-priority"]),
        )


def parse_priority(text: str) -> int:
    """`gw-priority`. Raises InvalidArgumentError with Docker's text."""
    try:
        return parse_int(text, base=10)
    except InvalidArgumentError:
        raise InvalidArgumentError(f"invalid gw-priority ({text}): must be a number") from None


def parse_driver_option(text: str) -> tuple[str, str]:
    """`KEY=VALUE` of a driver option. Raises InvalidArgumentError with Docker's text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidArgumentError("invalid key value pair format in driver options", hint="write KEY=VALUE")
    return name.strip(), value.strip()


def parse_address(text: str) -> str:
    """The address of a name server. Raises InvalidArgumentError with Docker's text."""
    address = text.strip()
    if packed(address) is None:
        raise InvalidArgumentError(f"IP address is not correctly formatted: {text}")
    return address


def parse_search(text: str) -> str:
    """A domain of `--dns-search`; `.` means none. Raises InvalidArgumentError with Docker's text."""
    domain = text.strip()
    labels = domain.removesuffix(".").split(".")
    fits = all(
        0 < len(label) <= 63  # noqa: PLR2004 -- RFC 1035
        and label.isascii()
        and label.replace("-", "").replace("_", "").isalnum()
        and not label.startswith("-")
        and not label.endswith("-")
        for label in labels
    )
    if domain != "." and (not fits or len(domain) > 255):  # noqa: PLR2004
        raise InvalidArgumentError(f"{text} is not a valid domain")
    return domain


def parse_extra_host(text: str) -> str:
    """`NAME:ADDRESS` or `NAME=ADDRESS` of `--add-host`, as `NAME:ADDRESS`.

    `host-gateway` is an address too. Raises InvalidArgumentError with Docker's text.
    """
    name, separator, address = text.partition("=")
    if not separator:
        name, separator, address = text.partition(":")
    if not separator or not name or not address or any(letter.isspace() for letter in name):
        raise InvalidArgumentError(f"bad format for add-host: {quote(text)}", hint="write NAME:ADDRESS")
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    if bare != "host-gateway" and packed(bare) is None:
        raise InvalidArgumentError(f"invalid IP address in add-host: {quote(address)}")
    return f"{name}:{bare}"
