"""`--gpus all|N|[driver=…,][count=…,]["device=…,…",]["capabilities=…,…",][options=…]`."""

from __future__ import annotations

from rocker.engine.options import DeviceRequest
from rocker.errors import InvalidArgumentError
from rocker.parse.mount import split_csv
from rocker.parse.number import parse_int

_KEYS = ("driver", "count", "device", "capabilities", "options")


def parse_gpus(text: str) -> DeviceRequest:
    """`all`, `2`, `device=0`, `"device=0,1",capabilities=utility`: fields as in a line of CSV.

    A field without a key after `device=` is one more device: quotes around the list, which Docker wants and the shell
    eats, may be left out.

    Raises InvalidArgumentError.
    """
    given: dict[str, str] = {}
    last = ""
    for field in split_csv(text):
        key, equals, value = field.partition("=")
        if not equals and last == "device" and key != "all":
            given["device"] += f",{key}"
            continue
        name = key if equals else "count"
        if not equals:
            value = key
        if name not in _KEYS:
            raise InvalidArgumentError(f"unexpected key '{key}' in '{field}'")
        if name in given:
            raise InvalidArgumentError(f"gpu request key '{key}' can be specified only once")
        given[name] = value
        last = name
    count = _count(given["count"]) if "count" in given else 0
    if not {"count", "device"} & given.keys():
        count = 1
    capabilities = [*given["capabilities"].split(","), "gpu"] if "capabilities" in given else ["gpu"]
    return DeviceRequest(
        given.get("driver", ""),
        count,
        given["device"].split(",") if "device" in given else (),
        (capabilities,),
        _options(given.get("options", "")),
    )


def _count(text: str) -> int:
    if text == "all":
        return -1
    try:
        return parse_int(text, base=10)
    except InvalidArgumentError as error:
        reason = error.message.rpartition(": ")[2]
        raise InvalidArgumentError(
            f'invalid count ({text}): value must be either "all" or an integer: {reason}'
        ) from None


def _options(text: str) -> dict[str, str]:
    pairs = (field.partition("=") for field in split_csv(text)) if text else ()
    return {name: value for name, _, value in pairs}
