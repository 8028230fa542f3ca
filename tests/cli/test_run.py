# ruff: noqa: E501 -- one case a line
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fake_engine import ID, FakeSession

from rocker.engine.options import Bind, Device, Tmpfs, Ulimit
from rocker.errors import CommandNotExecutableError, CommandNotFoundError, ImageNotFoundError

if TYPE_CHECKING:
    from pathlib import Path


def test_run_exits_with_the_programs_code(rocker, engine) -> None:
    engine.session = FakeSession({"event": "exited", "exit_code": 42})
    result = rocker("run", "--rm", "debian", "sh", "-c", "exit 42")
    assert (result.exit_code, result.output) == (42, "")
    assert (engine.options.image, list(engine.options.command)) == ("debian", ["sh", "-c", "exit 42"])
    assert engine.options.auto_remove
    assert engine.session.closed


def test_a_detached_run_prints_the_id(rocker, engine) -> None:
    result = rocker("run", "-d", "debian")
    assert (result.exit_code, result.stdout) == (0, ID + "\n")
    assert [call[0] for call in engine.calls] == ["create", "start"]


def test_clustered_flags_and_values_are_read(rocker, engine) -> None:
    result = rocker("run", "--name", "x", "-itd", "-m64m", "-ea=1", "-w=/tmp", "debian", "-x", "--rm")
    assert result.exit_code == 0
    options = engine.options
    assert (options.name, options.tty, options.stdin_open, options.memory) == ("x", True, True, 64 << 20)
    assert (list(options.env), options.workdir, list(options.command)) == (["a=1"], "/tmp", ["-x", "--rm"])
    assert not options.auto_remove


def test_two_dashes_end_the_flags(rocker, engine) -> None:
    assert rocker("run", "-d", "--", "debian", "--", "ls").exit_code == 0
    assert (engine.options.image, list(engine.options.command)) == ("debian", ["--", "ls"])


def test_a_switch_takes_a_value_after_an_equals_sign(rocker, engine) -> None:
    assert rocker("run", "--rm=false", "--init=true", "--sig-proxy=false", "debian").exit_code == 0
    assert (engine.options.auto_remove, engine.options.init) == (False, True)
    assert engine.session.asked == {"tty": False, "detach_keys": b"\x10\x11", "sig_proxy": False}


def test_every_record_reaches_the_engine(rocker, engine, tmp_path: Path) -> None:
    env, labels = tmp_path / "env", tmp_path / "labels"
    env.write_text("A=1\n")
    labels.write_text("l=2\nm\n")
    words = [
        "-v", "/src:/dst:ro", "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m", "--tmpfs", "/run:size=2m,exec", "--device", "/dev/fuse",
        "--ulimit", "nofile=1:2", "--sysctl", "net.a=1", "--cpus", "1.5", "--env-file", str(env), "-e", "B=2",
        "--label-file", str(labels), "-l", "n=3", "--log-opt", "max-size=1m", "--entrypoint", "", "--timeout", "1m",
        "--memory-swap", "-1", "--annotation", "a=b", "--network", "none", "--cap-add", "ALL", "--cap-drop", "NET_RAW",
        "--security-opt", "seccomp=unconfined", "--stop-signal", "INT", "--detach-keys", "ctrl-a",
    ]  # fmt: skip
    result = rocker("run", *words, "debian")
    assert (result.output, result.exit_code) == ("", 0)
    options = engine.options
    assert list(options.mounts) == [
        Bind("/src", "/dst", read_only=True, create_source=True),
        Tmpfs("/t", size=1 << 20),
        Tmpfs("/run", options=("size=2m", "exec")),
    ]
    assert list(options.devices) == [Device("/dev/fuse", "/dev/fuse")]
    assert list(options.ulimits) == [Ulimit("nofile", 1, 2)]
    assert (options.sysctls, options.cpus, list(options.env)) == ({"net.a": "1"}, 1.5, ["A=1", "B=2"])
    assert (options.labels, options.log_opts) == ({"l": "2", "m": "", "n": "3"}, {"max-size": "1m"})
    assert (options.entrypoint, options.timeout, options.memory_swap) == ([], 60.0, -1)
    assert (options.annotations, options.network, list(options.attach)) == (
        {"a": "b"},
        "none",
        ["stdout", "stderr"],
    )
    assert engine.session.asked["detach_keys"] == b"\x01"


def test_a_root_directory_stands_in_for_the_image(rocker, engine) -> None:
    assert rocker("run", "--rootfs", "/srv/root", "true").exit_code == 0
    assert (engine.options.image, engine.options.rootfs, list(engine.options.command)) == (
        None,
        "/srv/root",
        ["true"],
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--x"], "unknown flag: --x"), (["-Q"], "unknown shorthand flag: 'Q' in -Q"), (["--name"], "flag needs an argument: --name"),
        (["-dm"], "flag needs an argument: 'm' in -dm"), (["--=x"], "bad flag syntax: --=x"),
        (["-m", "foo", "x"], "invalid argument \"foo\" for \"-m, --memory\" flag: invalid size: 'foo'"),
        (["--rm=foo"], 'invalid argument "foo" for "--rm" flag: strconv.ParseBool: parsing "foo": invalid syntax'),
        (["-a", "foo", "x"], 'invalid argument "foo" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR'),
        (["--ulimit", "foo", "x"], 'invalid argument "foo" for "--ulimit" flag: invalid ulimit argument: foo'),
        (["-e", "=x", "b"], 'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'),
    ],
)  # fmt: skip
def test_a_wrong_flag_is_refused_with_dockers_text_and_125(
    rocker, engine, words: list[str], message: str
) -> None:
    result = rocker("run", *words)
    assert (result.exit_code, result.stdout) == (125, "")
    assert result.stderr == f"{message}\nSee 'rocker run --help'.\n"
    assert engine.calls == []


def test_a_missing_image_name_is_explained(rocker) -> None:
    result = rocker("run", "--rm")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "\"rocker run\" requires at least 1 argument.\nSee 'rocker run --help'.\n\n"
        "Usage:  rocker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
    )


@pytest.mark.parametrize(
    ("step", "error", "code"),
    [
        ("create", ImageNotFoundError("No such image: x", hint="`rocker images` lists them"), 125),
        ("launch", CommandNotFoundError("`foo` is not in the container"), 127),
        ("launch", CommandNotExecutableError("`foo` cannot be executed"), 126),
    ],
)
def test_what_cannot_be_run_has_dockers_exit_code(rocker, engine, step: str, error, code: int) -> None:
    engine.failures[step] = error
    result = rocker("run", "x", "foo")
    hint = f"hint: {error.hint}\n" if error.hint else ""
    assert (result.exit_code, result.stderr) == (code, f"rocker: {error.message}\n{hint}")


def test_a_terminal_is_wanted_for_interactive_terminals(rocker, engine) -> None:
    result = rocker("run", "-it", "debian")
    assert result.exit_code == 1
    assert "the input device is not a TTY" in result.stderr
    assert engine.calls == []


def test_the_id_file_has_the_id_and_must_be_new(rocker, engine, tmp_path: Path) -> None:
    path = tmp_path / "cid"
    assert rocker("run", "--cidfile", str(path), "debian").exit_code == 0
    assert path.read_text() == ID
    result = rocker("run", "--cidfile", str(path), "debian")
    assert result.exit_code == 125
    assert "Container ID file found, make sure the other container isn't running or delete" in result.stderr
    assert len(engine.calls) == 2


def test_no_id_file_stays_when_nothing_was_created(rocker, engine, tmp_path: Path) -> None:
    engine.failures["create"] = ImageNotFoundError("No such image: x")
    assert rocker("create", "--cidfile", str(tmp_path / "cid"), "x").exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--pull", "foo", "x"],
            'invalid pull option: \'foo\': must be one of "always", "missing" or "never"',
        ),
        (["--env-file", "/no/file", "x"], "open /no/file: no such file or directory"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_made(rocker, engine, words, message: str) -> None:
    result = rocker("run", *words)
    assert result.exit_code == 125
    assert f"rocker: {message}\n" in result.stderr
    assert engine.calls == []


def test_detaching_ends_with_0_and_says_so(rocker, engine) -> None:
    engine.session = FakeSession({"event": "detached", "reason": "keys"})
    result = rocker("run", "debian")
    assert (result.exit_code, result.stderr) == (0, "read escape sequence\n")


def test_attached_and_detached_exclude_each_other(rocker) -> None:
    result = rocker("run", "-d", "-a", "stdout", "x")
    assert (result.exit_code, result.stderr) == (1, "Conflicting options: -a and -d\n")


def test_exec_runs_in_the_container(rocker, engine) -> None:
    engine.session = FakeSession({"event": "exited", "exit_code": 3})
    result = rocker("exec", "-u", "1:2", "-w", "/tmp", "-e", "A=1", "--privileged", "web", "ls", "-l")
    assert result.exit_code == 3
    verb, name, (options,), more = engine.calls[0]
    assert (verb, name, more) == ("exec_session", "web", {"stdin": False})
    assert (list(options.command), options.user, options.workdir, options.privileged) == (
        ["ls", "-l"],
        "1:2",
        "/tmp",
        True,
    )


def test_exec_in_an_unknown_container_fails_with_1_and_of_an_unknown_program_with_127(rocker, engine) -> None:
    assert rocker("exec", "nope", "ls").exit_code == 1
    engine.failures["exec_session"] = CommandNotFoundError("`foo` is not in the container")
    assert rocker("exec", "web", "foo").exit_code == 127


def test_a_detached_exec_returns_at_once(rocker, engine) -> None:
    assert rocker("exec", "-d", "web", "ls").exit_code == 0
    assert engine.calls[0][0] == "exec_detached"
