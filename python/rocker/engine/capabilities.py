"""Which capabilities(7) a container gets."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# By number, from linux/capability.h.
ALL = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
    "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT",
    "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE",
    "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
    "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip

# Podman's eleven (docs/decisions/2026-11-23-container-defaults.md).
DEFAULT = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
    "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_SETFCAP",
)  # fmt: skip

DOCKER = (*DEFAULT, "CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW")
"""Docker's fourteen, with `--security-opt docker-compat`."""

_NUMBERS = {name: number for number, name in enumerate(ALL)}
_held: frozenset[str] | None = None


def held() -> frozenset[str]:
    """Return the capabilities that this process may give away: those in its bounding and its permitted set."""
    global _held  # noqa: PLW0603 -- they can only shrink, and reading them costs 30 us
    if _held is None:
        bits = (1 << len(ALL)) - 1
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith((b"CapPrm:", b"CapBnd:")):
                    bits &= int(line[7:], 16)
        _held = frozenset(name for name, number in _NUMBERS.items() if bits >> number & 1)
    return _held


def normalize(names: Iterable[str], flag: str) -> tuple[str, ...]:
    """Write each name as `CAP_X`, in upper case; `ALL` stays.

    Raises:
        InvalidArgumentError: a name is unknown; near names are listed.
    """
    found = []
    for name in names:
        word = name.strip().upper()
        if word in {"ALL", "CAP_ALL"}:
            found.append("ALL")
            continue
        full = word if word.startswith("CAP_") else "CAP_" + word
        if full not in _NUMBERS:
            from rocker.engine.suggest import near

            raise InvalidArgumentError(
                f'invalid {flag}: unknown capability: "{full}"',
                hint=near(full, ALL) or "capabilities(7) lists them; ALL is all of them",
            )
        found.append(full)
    return tuple(found)


def resolve(
    add: Sequence[str],
    drop: Sequence[str],
    *,
    privileged: bool = False,
    base: Sequence[str] = DEFAULT,
    available: frozenset[str] | None = None,
) -> tuple[str, ...]:
    """Return the capabilities of a container by Docker's rules, sorted by number.

    `available` are those the engine itself has, by default `held()`. ALL means all of these.

    Raises:
        InvalidArgumentError: a name is unknown, or names a capability that the engine does not have.
    """
    mine = held() if available is None else available
    if privileged:
        return tuple(name for name in ALL if name in mine)
    if not add and not drop:
        return tuple(name for name in base if name in mine)
    adds, drops = normalize(add, "CapAdd"), normalize(drop, "CapDrop")
    for name in adds:
        if name != "ALL" and name not in mine:
            raise InvalidArgumentError(
                f"capability {name} cannot be given: rocker itself does not have it",
                hint="see CapBnd and CapPrm in /proc/self/status",
            )
    if "ALL" in adds:
        wanted = set(mine) - set(drops)
    elif "ALL" in drops:
        wanted = set(adds)
    else:
        wanted = (set(base) & mine) - set(drops) | set(adds)
    return tuple(name for name in ALL if name in wanted)


def document(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the five sets of a spec. Inheritable and ambient stay empty (CVE-2022-24769: they leak to execve)."""
    listed = list(names)
    return {"bounding": listed, "effective": listed, "permitted": listed, "inheritable": [], "ambient": []}
