"""What the documents name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("tests/**/*.md")]
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_files_named_with_their_folder_exist(document: Path) -> None:
    named = re.findall(r"`((?:python|rust|tests|docs|scripts|benches)/[\w./-]+)`", document.read_text())
    generated = {"benches/results/latest.json", "benches/results/latest.md"}
    assert [name for name in named if name not in generated and not (REPOSITORY / name).exists()] == []


def test_the_make_targets_of_the_readme_exist() -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (REPOSITORY / "README.md").read_text(), re.MULTILINE))
    makefile = (REPOSITORY / "Makefile").read_text()
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()
