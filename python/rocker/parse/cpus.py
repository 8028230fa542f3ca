"""`--cpus`: a decimal or a fraction of processors."""

from __future__ import annotations

from rocker.errors import InvalidArgumentError

_NANO = 1_000_000_000
_LONGEST = 64


def parse_cpus(text: str) -> int:
    """Billionths of a processor: `1.5` is 1500000000. Raises InvalidArgumentError."""
    from fractions import Fraction

    # The length and the exponent are bounded: 1e999999999 would be computed exactly.
    exponent = text.lower().partition("e")[2].lstrip("+-")
    try:
        if len(text) > _LONGEST or len(exponent) > 3 or text != text.strip():  # noqa: PLR2004 -- three digits
            raise ValueError(text)  # noqa: TRY301 -- one refusal for all
        nano = Fraction(text) * _NANO
    except (ValueError, ZeroDivisionError):
        raise InvalidArgumentError(f"failed to parse {text} as a rational number") from None
    if nano.denominator != 1:
        raise InvalidArgumentError("value is too precise")
    return int(nano)
