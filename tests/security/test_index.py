"""The index of the attacks: every class that is named has a test that tries it, and every test names its classes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMED = {
    f"T{number:02}" for number in (*range(1, 8), *range(10, 14), *range(15, 23), 24, 26, 30, 31, 33, 34, 35)
} - {"T14"}


def attacks() -> dict[str, set[str]]:
    """Test functions by name, with the classes that their marks name."""
    found: dict[str, set[str]] = {}
    for file in HERE.glob("test_*.py"):
        if file == Path(__file__):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found[node.name] = {
                    argument.value
                    for mark in node.decorator_list
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.attack"
                    for argument in mark.args
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
                }
    return found


@pytest.mark.parametrize("name", sorted(NAMED))
def test_every_named_class_is_tried(name: str) -> None:
    assert [test for test, classes in attacks().items() if name in classes]


def test_every_attack_names_its_classes() -> None:
    assert [test for test, classes in attacks().items() if not classes] == []


def test_the_table_of_the_readme_is_complete() -> None:
    rows = re.findall(r"^\| (T\d\d) \|.*\| `(test_\w+\.py)`", (HERE / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == set().union(*attacks().values())
    for name, file in rows:
        assert f'"{name}"' in (HERE / file).read_text(), (name, file)
