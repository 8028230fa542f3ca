"""Addresses as big-endian bytes, which compare as addresses do, and subnets. `ipaddress` takes 15 ms to import."""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from rocker.errors import InvalidArgumentError

_V4 = 4
_V6 = 16
IPV4, IPV6 = _V4, _V6
"""Families, by the length of an address in bytes."""


def packed(text: str, family: int | None = None) -> bytes | None:
    """Return an address as 4 or 16 bytes; None when it is none, or not of the family (`IPV4`, `IPV6`)."""
    kind = AF_INET6 if ":" in text else AF_INET
    try:
        found = inet_pton(kind, text)
    except (OSError, ValueError):  # ValueError: a NUL inside
        return None
    return found if family in {None, len(found)} else None


def shown(address: bytes) -> str:
    """Return an address as text, IPv6 in its short form."""
    return inet_ntop(AF_INET if len(address) == _V4 else AF_INET6, address)


def plus(address: bytes, number: int) -> bytes:
    """Return the address `number` further on; OverflowError where there is none."""
    return (int.from_bytes(address, "big") + number).to_bytes(len(address), "big")


class Subnet:
    """A range of addresses with a common prefix.

    Attributes:
        base: the first address, with no bit behind the prefix.
        prefix: number of common bits.
    """

    __slots__ = ("base", "prefix")

    def __init__(self, base: bytes, prefix: int) -> None:
        bits = 8 * len(base)
        if not 0 <= prefix <= bits:
            raise InvalidArgumentError(f"invalid prefix length {prefix}", hint=f"0 to {bits}")
        number = int.from_bytes(base, "big") >> (bits - prefix) << (bits - prefix)
        self.base = number.to_bytes(len(base), "big")
        self.prefix = prefix

    @staticmethod
    def parse(text: str) -> Subnet | None:
        """Read `10.0.0.0/24` or `fd00::/64`; bits behind the prefix are dropped. None when it is no subnet."""
        address, slash, length = text.partition("/")
        base = packed(address)
        if base is None or not slash or not length.isdecimal() or not length.isascii():
            return None
        prefix = int(length[:4])
        return Subnet(base, prefix) if prefix <= 8 * len(base) else None

    @property
    def family(self) -> int:
        """`IPV4` or `IPV6`."""
        return len(self.base)

    @property
    def size(self) -> int:
        """Number of addresses."""
        return 1 << (8 * len(self.base) - self.prefix)

    @property
    def last(self) -> bytes:
        """The last address."""
        return plus(self.base, self.size - 1)

    def __contains__(self, address: bytes) -> bool:
        return len(address) == len(self.base) and self.base <= address <= self.last

    def covers(self, other: Subnet) -> bool:
        """Whether all addresses of another subnet are in this one."""
        return other.base in self and other.prefix >= self.prefix

    def overlaps(self, other: Subnet) -> bool:
        """Whether they share an address."""
        return other.base in self or self.base in other

    def __str__(self) -> str:
        return f"{shown(self.base)}/{self.prefix}"

    def __repr__(self) -> str:
        return f"Subnet({self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subnet) and (other.base, other.prefix) == (self.base, self.prefix)

    def __hash__(self) -> int:
        return hash((self.base, self.prefix))
