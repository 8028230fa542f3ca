"""Limits kept by the container's cgroup: `linux.resources`."""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from rocker.engine.options import RunOptions

DEFAULT_PIDS = 2048
_MIN_MEMORY = 6 << 20
_PERIOD = 100_000


def resolve(options: RunOptions) -> dict[str, Any]:
    """Return `linux.resources` without its device rules.

    Raises:
        InvalidArgumentError: limits contradict each other or are out of range.
    """
    found: dict[str, Any] = {"pids": {"limit": _pids(options)}}
    if memory := _memory(options):
        found["memory"] = memory
    if cpu := _cpu(options):
        found["cpu"] = cpu
    if options.blkio_weight:
        if not 10 <= options.blkio_weight <= 1000:  # noqa: PLR2004
            raise InvalidArgumentError("Range of blkio weight is from 10 to 1000")
        found["blockIO"] = {"weight": options.blkio_weight}
    return found


def _pids(options: RunOptions) -> int:
    limit = options.pids_limit
    if limit is None:
        return DEFAULT_PIDS
    return limit if limit > 0 else -1


def _memory(options: RunOptions) -> dict[str, Any]:
    found: dict[str, Any] = {}
    limit, swap, reservation = options.memory or 0, options.memory_swap or 0, options.memory_reservation or 0
    _check_memory(limit, swap, reservation)
    if limit > 0:
        found["limit"] = limit
        if swap == 0 and _swap_is_counted():
            swap = 2 * limit  # Docker: as much swap as memory
    if swap:
        found["swap"] = swap
    if reservation:
        found["reservation"] = reservation
    if options.memory_swappiness is not None and options.memory_swappiness != -1:
        if not 0 <= options.memory_swappiness <= 100:  # noqa: PLR2004
            raise InvalidArgumentError(
                f"Invalid value: {options.memory_swappiness}, valid memory swappiness range is 0-100"
            )
        found["swappiness"] = options.memory_swappiness
    if options.oom_kill_disable:
        found["disableOOMKiller"] = True
    return found


def _check_memory(limit: int, swap: int, reservation: int) -> None:
    if limit < 0 or 0 < limit < _MIN_MEMORY:
        raise InvalidArgumentError(
            "Minimum memory limit allowed is 6MB", hint="a program needs some room: --memory 6m"
        )
    if swap > 0 and limit == 0:
        raise InvalidArgumentError(
            "You should always set the Memory limit when using Memoryswap limit, see usage"
        )
    if 0 < swap < limit:
        raise InvalidArgumentError(
            "Minimum memoryswap limit should be larger than memory limit, see usage",
            hint="--memory-swap is memory and swap together",
        )
    if 0 < reservation < _MIN_MEMORY:
        raise InvalidArgumentError("Minimum memory reservation allowed is 6MB")
    if 0 < limit < reservation:
        raise InvalidArgumentError(
            "Minimum memory limit can not be less than memory reservation limit, see usage"
        )


_swap_counted: bool | None = None


def _swap_is_counted() -> bool:
    """Whether swap can be limited: always on v2; on v1 unless the kernel was started with `swapaccount=0`."""
    global _swap_counted  # noqa: PLW0603
    if _swap_counted is None:
        v1 = "/sys/fs/cgroup/memory"
        _swap_counted = not os.path.exists(v1) or os.path.exists(v1 + "/memory.memsw.limit_in_bytes")
    return _swap_counted


def _cpu(options: RunOptions) -> dict[str, Any]:
    found: dict[str, Any] = {}
    quota, period = options.cpu_quota or 0, options.cpu_period or 0
    if options.cpus:
        quota, period = _of_cpus(options.cpus, quota, period)
    if period and not 1000 <= period <= 1_000_000:  # noqa: PLR2004
        raise InvalidArgumentError(
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"
        )
    if 0 < quota < 1000:  # noqa: PLR2004
        raise InvalidArgumentError("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if options.cpu_shares is not None and options.cpu_shares < 0:
        raise InvalidArgumentError(f"CPU shares cannot be negative: {options.cpu_shares}")
    members = {
        "shares": options.cpu_shares,
        "quota": quota,
        "period": period,
        "cpus": _checked_set(options.cpuset_cpus, "cpus", "CPUs", "cpu/online"),
        "mems": _checked_set(options.cpuset_mems, "mems", "memory nodes", "node/online"),
    }
    found.update({name: value for name, value in members.items() if value})
    return found


def _of_cpus(cpus: float, quota: int, period: int) -> tuple[int, int]:
    if quota or period:
        which = "Quota" if quota else "Period"
        raise InvalidArgumentError(f"Conflicting options: Nano CPUs and CPU {which} cannot both be set.")
    available = os.cpu_count() or 1
    if not 0.01 <= cpus <= available:  # noqa: PLR2004
        raise InvalidArgumentError(
            f"Range of CPUs is from 0.01 to {available}.00, as there are only {available} CPUs available"
        )
    return round(cpus * _PERIOD), _PERIOD


def _checked_set(text: str | None, what: str, things: str, online: str) -> str | None:
    """A list such as `0-2,7` of numbers that the machine has, according to a file below /sys/devices/system."""
    if not text:
        return None
    wanted = _numbers(text, what)
    try:
        with open(f"/sys/devices/system/{online}", encoding="ascii") as file:
            available = file.read().strip()
    except OSError:  # a kernel without NUMA: it says itself what it refuses
        return text
    if any(
        not any(low <= first and last <= high for low, high in _numbers(available, what))
        for first, last in wanted
    ):
        raise InvalidArgumentError(
            f"Requested {things} are not available - requested {text}, available: {available}",
            hint="name some of these that are available",
        )
    return text


def _numbers(text: str, what: str) -> list[tuple[int, int]]:
    """First and last of each range."""
    found = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        numbers = (first, last) if dash else (first, first)
        if not all(number.isascii() and number.isdecimal() for number in numbers) or int(numbers[1]) < int(
            first
        ):
            raise InvalidArgumentError(
                f"Invalid value {text} for cpuset {what}", hint="write numbers and ranges: 0-2,7"
            )
        found.append((int(first), int(numbers[1])))
    return found
