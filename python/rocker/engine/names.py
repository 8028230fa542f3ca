"""Names of containers: checked, or made up."""

from __future__ import annotations

import os

from rocker.errors import InvalidArgumentError

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_REST = _FIRST | frozenset("_.-")
_MAX = 255

_ADJECTIVES = (
    "amber", "ample", "arctic", "autumn", "azure", "balmy", "bold", "brave", "breezy", "brisk", "bronze", "calm",
    "candid", "cheery", "civil", "clever", "copper", "coral", "cosy", "crisp", "curious", "daring", "deft", "eager",
    "early", "earnest", "elegant", "fabled", "fair", "fleet", "fond", "frosty", "gentle", "gifted", "glad", "golden",
    "hardy", "hazel", "humble", "ivory", "jolly", "keen", "kind", "lively", "loyal", "lucid", "lunar", "mellow",
    "merry", "mild", "misty", "modest", "nimble", "noble", "patient", "placid", "polar", "prompt", "proud", "quick",
    "quiet", "rapid", "ready", "rosy", "rustic", "serene", "shiny", "silver", "sincere", "snowy", "sober", "solar",
    "spry", "stately", "steady", "sunny", "swift", "tidy", "tranquil", "upbeat", "velvet", "vivid", "warm", "witty",
    "zesty",
)  # fmt: skip
# People who made computing, mathematics and rockets.
_SURNAMES = (
    "abel", "adleman", "allen", "ampere", "babbage", "backus", "bartik", "bernoulli", "blackwell", "boole",
    "booth", "cantor", "cauchy", "cerf", "chebyshev", "church", "clarke", "codd", "cray", "dahl", "dedekind",
    "diffie", "dijkstra", "easley", "eckert", "engelbart", "erdos", "euclid", "euler", "fermat", "fourier", "galois",
    "gauss", "germain", "goddard", "godel", "goldberg", "granville", "hamilton", "hamming", "hellman", "hilbert",
    "hoare", "hopper", "huffman", "huygens", "iverson", "jennings", "johnson", "kahan", "kahn", "kepler",
    "khwarizmi", "kleene", "knuth", "kolmogorov", "korolev", "lagrange", "lamarr", "lamport", "laplace", "leibniz",
    "liskov", "lovelace", "markov", "mauchly", "mccarthy", "mcilroy", "meitner", "milner", "minsky", "mirzakhani",
    "naur", "newton", "noether", "nygaard", "oberth", "pascal", "perlman", "poincare", "polya", "postel", "ramanujan",
    "riemann", "ritchie", "rivest", "robinson", "shamir", "shannon", "stallman", "tarjan", "tereshkova", "thompson",
    "torvalds", "tsiolkovsky", "turing", "vaughan", "wilkes", "wirth", "yao", "zuse",
)  # fmt: skip


def check(name: str) -> str:
    """Return the name without Docker's leading slash.

    Raises:
        InvalidArgumentError: it has forbidden letters.
    """
    bare = name.removeprefix("/")
    if not 1 <= len(bare) <= _MAX or bare[0] not in _FIRST or not _REST.issuperset(bare):
        raise InvalidArgumentError(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            hint="a name begins with a letter or a digit",
        )
    return bare


def generate(attempt: int = 0) -> str:
    """Make up a name, `adjective_surname`; from the third attempt on with a number, as Docker does."""
    draw = int.from_bytes(os.urandom(8), "little")
    draw, adjective = divmod(draw, len(_ADJECTIVES))
    draw, surname = divmod(draw, len(_SURNAMES))
    name = f"{_ADJECTIVES[adjective]}_{_SURNAMES[surname]}"
    return name if attempt < 3 else f"{name}{draw % 10 ** min(attempt - 2, 9)}"  # noqa: PLR2004
