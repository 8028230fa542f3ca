# ruff: noqa: E501 -- one case a line
from __future__ import annotations

import json

import pytest
from fake_engine import ID

from rocker.errors import ConflictError

ROW = {
    "Id": ID, "Names": ["/web"], "Image": "debian", "ImageID": "sha256:" + ID, "Command": "sleep 100000000000000000000", "Created": 1,
    "Ports": [], "Labels": {"a.b": "c"}, "State": "running", "Status": "Up 5 minutes", "HostConfig": {}, "Mounts": [],
    "NetworkSettings": {"Networks": {"none": {}}}, "Health": {"Status": "healthy", "FailingStreak": 0},
}  # fmt: skip


@pytest.mark.parametrize("verb", ["start", "pause", "unpause", "stop", "restart", "kill"])
def test_each_name_is_printed_when_done_and_errors_do_not_stop_the_rest(rocker, engine, verb: str) -> None:
    result = rocker(verb, "web", "nope", "db")
    assert (result.exit_code, result.stdout) == (1, "web\ndb\n")
    assert result.stderr == "rocker: No such container: nope\n"
    assert [(call[0], call[1]) for call in engine.calls] == [(verb, "web"), (verb, "db")]


def test_stop_takes_a_time_and_a_signal_in_any_place(rocker, engine) -> None:
    assert rocker("stop", "web", "-t", "3", "--signal", "INT").exit_code == 0
    assert engine.calls == [("stop", "web", (3,), {"signal": 2})]
    assert rocker("stop", "--time", "4", "web").exit_code == 0
    assert engine.calls[1] == ("stop", "web", (4,), {"signal": None})


def test_kill_refuses_an_unknown_signal(rocker) -> None:
    result = rocker("kill", "-s", "FOO", "web")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, "rocker: Invalid signal: FOO")


def test_wait_prints_each_exit_code(rocker, engine) -> None:
    engine.answers["wait"] = 137
    assert rocker("wait", "web", "db").stdout == "137\n137\n"


def test_rm_with_force_overlooks_what_is_gone(rocker, engine) -> None:
    assert rocker("rm", "-f", "nope").exit_code == 0
    engine.failures["remove"] = ConflictError("cannot remove a running container", hint="use -f")
    result = rocker("rm", "web")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "rocker: cannot remove a running container\nhint: use -f\n"


def test_ps_is_a_table_of_the_running(rocker, engine) -> None:
    engine.table = [ROW]
    result = rocker("ps")
    heading, line = result.stdout.splitlines()
    assert heading.split("  ")[0] == "CONTAINER ID"
    assert line.startswith('0123456789ab   debian    "sleep 1000000000000…"   ')
    assert line.endswith("web")
    asked = {"all": False, "filters": None, "limit": None, "size": False, "brief": True}
    assert engine.calls == [("rows", "", (), asked)]


def test_ps_passes_its_choices_on(rocker, engine) -> None:
    assert (
        rocker("ps", "-aqn", "5", "-f", "name=x", "-f", "name=y", "--filter", "status=exited").exit_code == 0
    )
    filters = {"name": ["x", "y"], "status": ["exited"]}
    assert engine.calls[0][3] == {"all": True, "filters": filters, "limit": 5, "size": False, "brief": True}


def test_ps_knows_every_filter_and_what_goes_first(rocker, engine) -> None:
    engine.table = [ROW]
    result = rocker(
        "ps", "-q", "--format", "{{.Names}}", "-l", "-n", "3", "-f", "is-task=false", "-f", "isolation=x"
    )
    assert result.stdout == "0123456789ab\n"
    assert result.stderr == "WARNING: Ignoring custom format, because both --format and --quiet are set.\n"
    assert engine.calls[0][3] == {
        "all": False, "filters": {"is-task": ["false"], "isolation": ["x"]}, "limit": 3, "size": False,
        "brief": True,
    }  # fmt: skip
    rocker("ps", "-l")
    assert engine.calls[1][3]["limit"] == 1
    assert rocker("ps", "--format", "table {{.HealthStatus}}").stdout == "HEALTH STATUS\nhealthy\n"


def test_ps_shows_ids_templates_and_json(rocker, engine) -> None:
    engine.table = [ROW]
    assert rocker("ps", "-q", "--no-trunc").stdout == ID + "\n"
    assert rocker("ps", "--format", '{{.Names}} {{.Label "a.b"}} {{.Networks}}').stdout == "web c none\n"
    assert (
        rocker("ps", "--format", "table {{.Names}}\\t{{.Status}}").stdout
        == "NAMES     STATUS\nweb       Up 5 minutes\n"
    )
    assert json.loads(rocker("ps", "--format", "json").stdout)["ID"] == "0123456789ab"


@pytest.mark.parametrize("table", [[], [ROW]], ids=["no container", "one container"])
def test_ps_refuses_a_field_that_no_container_has(rocker, engine, table) -> None:
    engine.table = table
    result = rocker("ps", "--format", "{{.Nosuch}}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "can't evaluate field Nosuch in type *formatter.ContainerContext" in result.stderr
    names = "ID Image Command CreatedAt RunningFor Ports State Status HealthStatus Size Names Labels Mounts LocalVolumes Networks"
    form = "".join(f"{{{{.{name}}}}}" for name in names.split()) + '{{.Label "a"}}'
    assert rocker("ps", "--format", form).exit_code == 0


def test_ps_refuses_wrong_filters_and_arguments(rocker) -> None:
    assert rocker("ps", "-f", "foo=1").stderr.startswith("rocker: invalid filter 'foo'\n")
    assert rocker("ps", "-foo").exit_code == 125
    result = rocker("ps", "x")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (1, '"rocker ps" accepts no arguments.')


def test_a_wrong_template_ends_with_64(rocker) -> None:
    result = rocker("ps", "--format", "{{.ID")
    assert result.exit_code == 64
    assert result.stderr.startswith("rocker: template parsing error: template: :1: unclosed action\n")
    result = rocker("inspect", "-f", "{{", "web")
    assert (result.exit_code, result.stderr) == (
        64,
        "rocker: template parsing error: template: :1: unclosed action\n",
    )


def test_inspect_is_an_array_and_missing_objects_are_named(rocker, engine) -> None:
    engine.answers["inspect"] = {"Id": ID, "Config": {"Labels": {"a": "b"}}}
    engine.documents["debian"] = {"Id": "sha256:1"}
    result = rocker("inspect", "web", "debian", "nope")
    assert [document["Id"] for document in json.loads(result.stdout)] == [ID, "sha256:1"]
    assert (result.exit_code, result.stderr) == (1, "Error: No such object: nope\n")
    assert (
        rocker("inspect", "-f", "{{.Config.Labels.a}}{{.Config.Labels.z}}", "web").stdout == "b<no value>\n"
    )
    result = rocker("inspect", "-f", "{{.Nope}}", "web")
    assert (result.exit_code, result.stdout) == (1, "")
    assert 'map has no entry for key "Nope"' in result.stderr


def test_inspect_of_nothing_is_an_empty_array(rocker) -> None:
    result = rocker("container", "inspect", "nope")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "[]\n", "Error: No such container: nope\n")
    assert rocker("inspect", "--type", "image", "web").exit_code == 1


def test_inspect_has_no_size_of_what_has_none(rocker, engine) -> None:
    engine.documents["debian"] = {"Id": "sha256:1", "RootFS": {}}
    result = rocker("inspect", "-s", "--type", "image", "debian")
    assert (result.exit_code, result.stderr) == (0, "WARNING: --size ignored for image\n")


def test_top_is_a_table(rocker, engine) -> None:
    engine.answers["top"] = {"Titles": ["PID", "CMD"], "Processes": [["1", "sleep 1"]]}
    assert rocker("top", "web", "-o", "pid,cmd").stdout == f"{'PID':<20}CMD\n{'1':<20}sleep 1\n"
    assert engine.calls == [("top", "web", ("-o pid,cmd",), {})]


def test_logs_choose_lines_and_times(rocker, engine) -> None:
    assert rocker("logs", "-ft", "--tail", "5", "--since", "2023-11-14T22:13:20.5Z", "web").exit_code == 0
    assert engine.calls[0][3] == {
        "follow": True, "tail": 5, "since": "2023-11-14T22:13:20.5Z", "until": None, "timestamps": True,
        "details": False,
    }  # fmt: skip
    assert rocker("logs", "-n", "all", "web").exit_code == 0
    assert engine.calls[1][3]["tail"] is None


def test_attach_refuses_a_stopped_container(rocker, engine) -> None:
    engine.named["web"].status = "exited"
    result = rocker("attach", "web")
    assert (result.exit_code, result.stderr) == (
        1,
        "rocker: You cannot attach to a stopped container, start it first\n",
    )


def test_rename_takes_two_names(rocker, engine) -> None:
    assert rocker("rename", "web", "www").exit_code == 0
    assert engine.calls == [("rename", "web", ("www",), {})]
    assert rocker("rename", "web").stderr.startswith('"rocker rename" requires exactly 2 arguments.\n')
