# ruff: noqa: E501 -- one case a line
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rocker.cli.table import CONTAINER, IMAGE, ROOT, SYSTEM


def test_no_command_shows_the_help(rocker) -> None:
    result = rocker()
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage:  rocker [OPTIONS] COMMAND\n")
    assert "\nManagement Commands:\n  container  Manage containers\n" in result.stdout


def test_an_unknown_command_is_refused_with_dockers_text(rocker) -> None:
    result = rocker("foo")
    assert (result.exit_code, result.stderr) == (
        1, "rocker: 'foo' is not a rocker command.\nSee 'rocker --help'\n",
    )  # fmt: skip
    assert rocker("image", "foo").stderr.startswith("\nUsage:  rocker image COMMAND\n")


@pytest.mark.parametrize(
    "words",
    [
        *[[name] for name in ROOT], *[["container", name] for name in CONTAINER], *[["image", name] for name in IMAGE],
        *[["system", name] for name in SYSTEM],
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_command_has_help_that_fits_80_columns(rocker, words: list[str]) -> None:
    result = rocker(*words, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage:  rocker {' '.join(words)}")
    options = result.stdout.partition("\nOptions:\n")[2]
    assert all(len(line) <= 80 for line in options.splitlines())


def test_help_names_a_command(rocker) -> None:
    assert rocker("help", "run").stdout == rocker("run", "--help").stdout
    result = rocker("help", "foo")
    assert (result.exit_code, result.stderr) == (1, "unknown help topic: foo\n")


def test_global_flags_come_before_the_command(rocker) -> None:
    assert rocker("--root", "/x", "--run=/y", "-Dl", "debug", "version").exit_code == 0
    result = rocker("--foo")
    assert (result.exit_code, result.stderr) == (125, "unknown flag: --foo\nSee 'rocker --help'.\n")


def test_version_and_info_are_shown(rocker) -> None:
    assert "Version:          1.2.3" in rocker("version").stdout
    assert rocker("version", "--format", "{{.Server.Version}}").stdout == "1.2.3\n"
    assert "Total Memory: 1GiB" in rocker("system", "info").stdout
    assert rocker("info", "-f", "{{.Containers}}").stdout == "2\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script(rocker, shell: str) -> None:
    assert "_ROCKER_COMPLETE" in rocker("completion", shell).stdout
    assert rocker("completion", "tcsh").exit_code == 1


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", "bash-completion/completions/rocker"),
        ("zsh", "zsh/site-functions/_rocker"),
        ("fish", "fish/vendor_completions.d/rocker.fish"),
    ],
)
def test_the_wheel_brings_the_script_to_where_the_shell_looks(rocker, shell: str, file: str) -> None:
    share = Path(__file__).parents[2] / "wheel-data/data/share"
    assert rocker("completion", shell).stdout == (share / file).read_text()


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rocker", *words], capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **variables},
    )  # fmt: skip


def test_the_shell_is_told_commands_and_flags() -> None:
    answer = run(COMP_WORDS="rocker container re", COMP_CWORD="2", _ROCKER_COMPLETE="bash_complete").stdout
    assert answer.split() == ["plain,rename", "plain,restart"]
    answer = run(COMP_WORDS="rocker run --memory-s", COMP_CWORD="2", _ROCKER_COMPLETE="bash_complete").stdout
    assert answer.split() == ["plain,--memory-swap"]


def test_a_closed_pipe_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [sys.executable, "-m", "rocker", "--help"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(write)
    assert process.stderr == ""


def test_a_command_imports_only_itself() -> None:
    code = "import sys; from rocker.cli.main import cli; sys.argv[1:] = ['ps', '--x']\ntry: cli.main()\nexcept SystemExit: pass\n"
    code += "print(sorted(name for name in sys.modules if name.startswith('rocker.')))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    for unwanted in ("rocker.cli.run", "rocker.engine", "rocker.formatting.template", "rocker._core"):
        assert f"'{unwanted}" not in shown
