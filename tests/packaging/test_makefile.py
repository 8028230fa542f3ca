"""The Makefile and the scripts behind it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TARGETS = {
    "build",
    "run",
    "test",
    "bench",
    "lint",
    "test-vm",
    "test-slow",
    "docs",
    "fmt",
    "clean",
    "wheel",
    "setup",
    "help",
}


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_help_describes_every_target() -> None:
    listed = dict(
        re.findall(
            r"^ +make ([a-z-]+) +(\S.*)$", run("make", "help", PATH=os.environ["PATH"]).stdout, re.MULTILINE
        )
    )
    assert listed.keys() >= TARGETS


def test_help_is_what_make_alone_prints() -> None:
    path = os.environ["PATH"]
    assert run("make", PATH=path).stdout == run("make", "help", PATH=path).stdout


@pytest.mark.parametrize("home", ["/nonexistent", "/root"])
def test_cargo_works_whatever_HOME_is(home: str) -> None:
    found = run("scripts/rust-env", PATH="/usr/bin:/bin", HOME=home)
    assert found.returncode == 0, found.stderr
    environment = dict(line.split("=", 1) for line in found.stdout.splitlines())
    path = environment.pop("PATH", "/usr/bin:/bin")
    assert run("cargo", "--version", PATH=path, HOME=home, **environment).stdout.startswith("cargo ")


def test_an_installed_package_is_not_installed_again() -> None:
    result = run("scripts/apt-install", "coreutils", "dpkg", PATH="/usr/bin:/bin")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_command_reference_is_that_of_the_commands() -> None:
    told = run(sys.executable, "scripts/reference", PATH=os.environ["PATH"])
    assert told.returncode == 0, told.stderr
    assert told.stdout == (REPOSITORY / "docs" / "reference.md").read_text(), "`make docs` writes it"
