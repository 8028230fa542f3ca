"""The exception tree is complete: as drawn, and for every kind of the mechanism's errors."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from rocker import errors

REPOSITORY = Path(__file__).parents[2]
CLASSES = {
    name: one
    for name, one in vars(errors).items()
    if inspect.isclass(one) and issubclass(one, errors.RockerError)
}


def drawn() -> dict[str, str | None]:
    """Class and parent of each line of the tree in the module's docstring."""
    parents: dict[str, str | None] = {}
    open_at: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^((?:[│├└─ ]{4})*)([A-Z]\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4
            del open_at[depth:]
            parents[found[2]] = open_at[-1] if open_at else None
            open_at.append(found[2])
    return parents


def test_the_tree_is_drawn_as_it_is() -> None:
    real = {name: one.__mro__[1].__name__ for name, one in CLASSES.items() if one is not errors.RockerError}
    assert drawn() == {"RockerError": None, **real}


def test_every_kind_of_the_mechanism_has_a_class() -> None:
    kinds = re.search(
        r"pub enum Kind \{(.*?)\n\}", (REPOSITORY / "rust/core/src/error.rs").read_text(), re.DOTALL
    )
    table = (REPOSITORY / "rust/python/src/error.rs").read_text()
    assert kinds
    mapped = dict(re.findall(r"Kind::(\w+) => \"(\w+)\"", table))
    assert mapped.keys() == set(re.findall(r"^    (\w+),$", kinds[1], re.MULTILINE))
    assert set(mapped.values()) <= CLASSES.keys()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_carries_its_data_and_says_its_message(name: str) -> None:
    error = CLASSES[name]("what", hint="do", errno=2, path="/p", step="open")
    assert str(error) == "what"
    assert (error.message, error.hint, error.errno, error.path, error.step) == ("what", "do", 2, "/p", "open")
    assert error.exit_code in {125, 126, 127}
