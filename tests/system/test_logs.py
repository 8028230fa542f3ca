"""`logs` on real containers, with both drivers; the files of json-file in Docker's form."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from helpers.processes import processes_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from helpers.engine import EngineRoots

DRIVERS = ("json-file", "local")
STAMP = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z "


@pytest.mark.parametrize("driver", DRIVERS)
def test_logs_are_read_back_as_they_were_written(
    box: Callable[..., CompletedProcess[str]], driver: str
) -> None:
    script = "echo out; echo err >&2; head -c 40000 /dev/zero | tr '\\0' x; echo; printf 'end'"
    box("run", "--name", "box", "--log-driver", driver, "busybox", "sh", "-c", script, check=True)
    done = box("logs", "box")
    assert (done.stdout, done.stderr) == ("out\n" + "x" * 40000 + "\nend", "err\n")
    assert box("logs", "--tail", "0", "box").stdout == ""
    assert box("logs", "--tail", "1", "box").stdout == "end"
    assert box("logs", "--tail", "all", "box").stdout == done.stdout
    assert box("logs", "-f", "box").stdout == done.stdout
    stamped = box("logs", "-t", "box")
    assert re.fullmatch(f"{STAMP}out\n{STAMP}x{{40000}}\n{STAMP}end", stamped.stdout)
    assert re.fullmatch(f"{STAMP}err\n", stamped.stderr)


@pytest.mark.parametrize("driver", DRIVERS)
def test_since_and_until_cut_at_the_times_that_t_shows(
    box: Callable[..., CompletedProcess[str]], driver: str
) -> None:
    script = "for i in 1 2 3 4 5; do echo $i; done"
    box("run", "--name", "box", "--log-driver", driver, "busybox", "sh", "-c", script, check=True)
    times = dict(reversed(line.split()) for line in box("logs", "-t", "box").stdout.splitlines())
    expected = [number for number in "12345" if times[number] >= times["3"]]
    assert box("logs", "--since", times["3"], "box").stdout.split() == expected
    expected = [number for number in "12345" if times[number] <= times["3"]]
    assert box("logs", "--until", times["3"], "box").stdout.split() == expected
    assert box("logs", "--since", "1h", "box").stdout.split() == list("12345")
    assert box("logs", "--until", "1h", "box").stdout == ""
    assert box("logs", "--since", "0", "--until", "0", "box").stdout.split() == list("12345")
    assert box("logs", "--since", "99999999999", "box", check=True).stdout == ""


@pytest.mark.parametrize(
    ("driver", "way"),
    [
        ("json-file", "kill"),
        ("local", "rm"),
        ("json-file", "shim"),
        pytest.param("local", "kill", marks=pytest.mark.slow),
        pytest.param("json-file", "rm", marks=pytest.mark.slow),
        pytest.param("local", "shim", marks=pytest.mark.slow),
    ],
)
def test_following_ends_with_the_container_however_it_ends(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots, driver: str, way: str
) -> None:
    script = "echo first; read x; echo second; exec sleep 600"
    box("run", "-itd", "--name", "box", "--log-driver", driver, "busybox", "sh", "-c", script, check=True)
    command = engine_roots.command("logs", "-f", "box")
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"first\r\n"
        shims = [process for process in processes_of(engine_roots.base) if "shim" in comm(process.pid)]
        if way == "kill":
            box("kill", "box", check=True)
        elif way == "rm":
            box("rm", "-f", "box", check=True)
        else:
            state = next(engine_roots.run.glob("containers/*/state.json"))
            pid = json.loads(state.read_text())["shim_pid"]
            assert pid in [process.pid for process in shims]
            os.kill(pid, signal.SIGKILL)
        assert follower.wait(30) == 0
        assert follower.stdout.read() == b""


def comm(pid: int) -> str:
    with open(f"/proc/{pid}/comm") as file:
        return file.read()


def test_an_interrupt_ends_following_and_nothing_else(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots
) -> None:
    box("run", "-d", "--name", "box", "busybox", "sh", "-c", "echo on; exec sleep 600", check=True)
    command = engine_roots.command("logs", "-f", "box")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        assert follower.stdout.readline() == b"on\n"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(30) == 130, follower.stderr.read()
        assert follower.stderr.read() == b""
    assert box("inspect", "-f", "{{.State.Status}}", "box").stdout == "running\n"


@pytest.mark.parametrize("driver", DRIVERS)
def test_following_goes_across_rotations(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots, driver: str
) -> None:
    script = "echo 0; read x; i=1; while [ $i -le 3000 ]; do echo $i; i=$((i+1)); done"
    options = ["--log-opt", "max-size=8k", "--log-opt", "max-file=400", "--log-opt", "compress=true"]
    flags = ["-i", "-d", "--name", "box", "--log-driver", driver, *options]
    box("run", *flags, "busybox", "sh", "-c", script, check=True)
    with subprocess.Popen(engine_roots.command("logs", "-f", "box"), stdout=subprocess.PIPE) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"0\n"
        box("attach", "box", stdin="go\n", check=True)
        assert follower.stdout.read().split() == [b"%d" % number for number in range(1, 3001)]
        assert follower.wait(30) == 0
    assert box("logs", "box").stdout.split() == [str(number) for number in range(3001)]


def test_a_json_file_has_dockers_form(
    box: Callable[..., CompletedProcess[str]], engine_roots: EngineRoots
) -> None:
    # The records of Docker 20.10.24 for this script, but for their times.
    script = "echo out; head -c 20000 /dev/zero | tr '\\0' x; echo; printf 'tab\\t<&>\\377\\342\\200\\250end'"
    options = ["--log-opt", "labels=a,b", "--log-opt", "env=E", "-l", "a=1", "-l", "b=x y", "-e", "E=3"]
    flags = ["--name", "box", "--log-driver", "json-file", *options]
    box("run", *flags, "busybox", "sh", "-c", script, check=True)
    (file,) = engine_roots.root.glob("containers/*/log/*-json.log")
    assert file.name == f"{file.parent.parent.name}-json.log"
    attrs = '"stream":"stdout","attrs":{"E":"3","a":"1","b":"x y"},"time":"TIME"}'
    text = re.sub(
        r'"time":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"', '"time":"TIME"', file.read_text()
    )
    assert text.splitlines() == [
        '{"log":"out\\n",' + attrs,
        '{"log":"' + "x" * 16384 + '",' + attrs,
        '{"log":"' + "x" * (20000 - 16384) + '\\n",' + attrs,
        r'{"log":"tab\u0009\u003c\u0026\u003e\ufffd\u2028end",' + attrs,
    ]


def test_details_show_the_attributes(box: Callable[..., CompletedProcess[str]]) -> None:
    options = ["--log-opt", "labels=a,b", "--log-opt", "env=E", "-l", "a=1", "-l", "b=x y", "-e", "E=3"]
    flags = ["--name", "box", "--log-driver", "json-file", *options]
    box("run", *flags, "busybox", "sh", "-c", "echo out; echo err >&2", check=True)
    done = box("logs", "--details", "box")
    assert (done.stdout, done.stderr) == ("E=3,a=1,b=x+y out\n", "E=3,a=1,b=x+y err\n")
    assert re.fullmatch(f"{STAMP}E=3,a=1,b=x\\+y out\n", box("logs", "-t", "--details", "box").stdout)


def test_a_container_that_never_ran_has_no_logs_and_none_keeps_none(
    box: Callable[..., CompletedProcess[str]],
) -> None:
    box("create", "--name", "box", "busybox", "true", check=True)
    done = box("logs", "box")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    box("run", "--name", "second", "--log-driver", "none", "busybox", "echo", "x", check=True)
    done = box("logs", "second")
    assert "configured logging driver does not support reading" in done.stderr
    assert done.returncode == 1
