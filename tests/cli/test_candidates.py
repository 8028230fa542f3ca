"""What the shell is offered where a command wants a name."""

import pytest

from rocker.cli.candidates import place


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        ("[OPTIONS] CONTAINER [CONTAINER...]", ["CONTAINER", "CONTAINER", "CONTAINER"]),
        ("[OPTIONS] [CONTAINER...]", ["CONTAINER", "CONTAINER"]),
        ("CONTAINER NEW_NAME", ["CONTAINER", "NEW_NAME", ""]),
        ("[OPTIONS] IMAGE [COMMAND] [ARG...]", ["IMAGE", "COMMAND", "ARG", "ARG"]),
        ("SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", ["SOURCE_IMAGE", "TARGET_IMAGE", ""]),
        ("[OPTIONS] [REPOSITORY[:TAG]]", ["REPOSITORY", ""]),
        ("[OPTIONS] NAME|ID [NAME|ID...]", ["NAME|ID", "NAME|ID"]),
        ("[OPTIONS]", ["", ""]),
    ],
)
def test_the_usage_tells_what_stands_where(usage: str, words: list[str]) -> None:
    assert [place(usage, index) for index in range(len(words))] == words
