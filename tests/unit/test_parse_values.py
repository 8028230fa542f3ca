# ruff: noqa: E501, PT018 -- one case a line; properties say "right or refused"
from __future__ import annotations

import signal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.engine.options import Device, Ulimit
from rocker.errors import InvalidArgumentError
from rocker.parse.cpus import parse_cpus
from rocker.parse.device import parse_device
from rocker.parse.duration import parse_duration, parse_time
from rocker.parse.keys import parse_detach_keys
from rocker.parse.number import parse_bool, parse_int, quote
from rocker.parse.restart import RestartPolicy, parse_restart
from rocker.parse.security import parse_security_opt
from rocker.parse.signal import parse_signal
from rocker.parse.size import parse_size, parse_swap
from rocker.parse.sysctl import parse_sysctl
from rocker.parse.ulimit import NAMES, parse_ulimit

NOW = 1_700_000_000_000_000_000


def refusal(parse, text: str) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0), ("512", 512), ("64b", 64), ("64B", 64), ("2k", 2048), ("2K", 2048), ("2kB", 2048), ("2KiB", 2048),
        ("64m", 64 << 20), ("1.5g", 3 << 29), ("1 g", 1 << 30), (".5k", 512), ("5.k", 5120), ("1t", 1 << 40), ("1e3", 1000),
    ],
)  # fmt: skip
def test_a_size_is_read_in_every_spelling_docker_takes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "invalid size: 'foo'"), ("", "invalid size: ''"), ("1x", "invalid suffix: 'x'"), ("1kbb", "invalid suffix: 'kbb'"),
        ("-1", "invalid size: '-1'"), ("1.2.3m", 'strconv.ParseFloat: parsing "1.2.3": invalid syntax'), ("9e30", "invalid size: '9e30'"),
        ("1bb", "invalid suffix: 'bb'"), ("1kiBs", "invalid suffix: 'kiBs'"),
    ],
)  # fmt: skip
def test_a_wrong_size_is_refused_with_dockers_text(text: str, message: str) -> None:
    assert refusal(parse_size, text) == message


@given(
    st.integers(0, 1 << 20),
    st.sampled_from(["k", "m", "g", "t"]),
    st.sampled_from(["", "b", "ib", "B", "iB"]),
)
def test_a_size_is_its_number_times_its_unit(number: int, unit: str, rest: str) -> None:
    assert parse_size(f"{number}{unit}{rest}") == number * 1024 ** ("kmgt".index(unit) + 1)


@given(st.text())
def test_any_text_is_a_size_or_refused(text: str) -> None:
    try:
        assert 0 <= parse_size(text) < 1 << 63
    except InvalidArgumentError:
        pass


def test_swap_takes_minus_one_as_no_limit() -> None:
    assert (parse_swap("-1"), parse_swap("1k")) == (-1, 1024)


@given(st.decimals(0, 1000, places=9))
def test_cpus_are_exact_billionths(value) -> None:
    assert parse_cpus(str(value)) == Fraction(value) * 10**9


def test_wrong_cpus_are_refused_with_dockers_text() -> None:
    assert refusal(parse_cpus, "foo") == "failed to parse foo as a rational number"
    assert refusal(parse_cpus, "1/0") == "failed to parse 1/0 as a rational number"
    assert refusal(parse_cpus, "1e999999999") == "failed to parse 1e999999999 as a rational number"
    assert refusal(parse_cpus, "0.0000000001") == "value is too precise"


@given(st.sampled_from(sorted(NAMES)), st.integers(0, 1 << 62), st.integers(0, 1 << 62))
def test_a_ulimit_has_a_soft_limit_up_to_its_hard_one(name: str, one: int, other: int) -> None:
    soft, hard = sorted((one, other))
    assert parse_ulimit(f"{name}={soft}:{hard}") == Ulimit(name, soft, hard)
    assert parse_ulimit(f"{name}={soft}:-1") == Ulimit(name, soft, -1)
    assert parse_ulimit(f"{name}={soft}") == Ulimit(name, soft, soft)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo", "invalid ulimit argument: foo"),
        ("foo=1", "invalid ulimit type: foo"),
        ("nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"),
        ("nofile=2:1", "ulimit soft limit must be less than or equal to hard limit: 2 > 1"),
        (
            "nofile=-1:1",
            "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 1",
        ),
        ("nofile=x", 'strconv.ParseInt: parsing "x": invalid syntax'),
    ],
)
def test_a_wrong_ulimit_is_refused_with_dockers_text(text: str, message: str) -> None:
    assert refusal(parse_ulimit, text) == message


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("/dev/fuse", Device("/dev/fuse", "/dev/fuse")), ("/dev/a:/dev/b", Device("/dev/a", "/dev/b")),
        ("/dev/a:r", Device("/dev/a", "/dev/a", "r")), ("/dev/a:/dev/b:rm", Device("/dev/a", "/dev/b", "rm")),
    ],
)  # fmt: skip
def test_a_device_has_a_source_a_target_and_permissions(text: str, device: Device) -> None:
    assert parse_device(text) == device


def test_a_wrong_device_is_refused() -> None:
    assert refusal(parse_device, "/a:/b:rw:x") == "bad format for path: /a:/b:rw:x"
    assert refusal(parse_device, "/a:/b:rx") == "bad mode specified: rx"
    assert refusal(parse_device, "a") == "a is not an absolute path"


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int, milli: int) -> None:
    expected = ((hours * 3600 + minutes * 60 + seconds) * 1000 + milli) * 1_000_000
    assert parse_duration(f"{hours}h{minutes}m{seconds}s{milli}ms") == expected
    assert parse_duration(f"-{hours}h{minutes}m{seconds}.{milli:03}s") == -expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'), ("x", 'time: invalid duration "x"'), ("1", 'time: missing unit in duration "1"'),
        ("1x", 'time: unknown unit "x" in duration "1x"'), (".s", 'time: invalid duration ".s"'),
        ("9999999999h", 'time: invalid duration "9999999999h"'),
    ],
)  # fmt: skip
def test_a_wrong_duration_is_refused_with_gos_text(text: str, message: str) -> None:
    assert refusal(parse_duration, text) == message


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1700000000", NOW), ("1700000000.5", NOW + 500_000_000), ("2023-11-14T22:13:20Z", NOW), ("10m", NOW - 600_000_000_000),
        ("2023-11-14T23:13:20.000000001+01:00", NOW + 1), ("2023-11-14T22:13Z", NOW - 20_000_000_000),
    ],
)  # fmt: skip
def test_a_time_is_a_date_unix_seconds_or_how_long_ago(text: str, time: int) -> None:
    assert parse_time(text, NOW) == time


def test_a_wrong_time_is_refused() -> None:
    assert refusal(lambda text: parse_time(text, NOW), "soon").startswith(
        "failed to parse value as time or duration"
    )
    assert refusal(lambda text: parse_time(text, NOW), "2023-13-01").startswith(
        'failed to parse value as time: "2023-13-01"'
    )


@given(st.text())
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        parse_time(text, NOW)
    except InvalidArgumentError:
        pass


@given(st.integers(1, 64).filter(lambda number: number not in (32, 33)))
def test_a_signal_is_known_by_number_and_by_name(number: int) -> None:
    name = signal.Signals(number).name if number < 32 else f"SIGRTMIN+{number - 34}"
    assert parse_signal(str(number)) == parse_signal(name) == parse_signal(name[3:].lower()) == number


def test_realtime_signals_count_from_both_ends() -> None:
    assert (parse_signal("RTMIN"), parse_signal("SIGRTMIN+3"), parse_signal("rtmax-1")) == (34, 37, 63)


@pytest.mark.parametrize("text", ["", "0", "65", "FOO", "-9", "RTMIN+99", "RTMIN-1", "9 "])
def test_a_wrong_signal_is_refused(text: str) -> None:
    assert refusal(parse_signal, text) == f"Invalid signal: {text}"


def test_detach_keys_are_bytes() -> None:
    assert parse_detach_keys("ctrl-p,ctrl-q") == b"\x10\x11"
    assert parse_detach_keys("ctrl-@,a,ctrl-_,DEL") == b"\x00a\x1f\x7f"
    assert parse_detach_keys("") == b""
    assert (
        refusal(parse_detach_keys, "ctrl-p,foo")
        == "invalid detach keys (ctrl-p,foo): Unknown character: 'foo'"
    )


def test_a_restart_policy_may_limit_its_retries() -> None:
    assert parse_restart("on-failure:3") == RestartPolicy("on-failure", 3)
    assert parse_restart("always") == RestartPolicy("always")
    assert refusal(parse_restart, "foo") == "invalid restart policy: unknown policy 'foo'"
    assert refusal(parse_restart, "on-failure:x").endswith("maximum retry count must be an integer")
    assert refusal(parse_restart, "always:3").endswith("can only be used with 'on-failure'")


def test_security_options_take_both_separators() -> None:
    assert (
        parse_security_opt("seccomp=unconfined")
        == parse_security_opt("seccomp:unconfined")
        == ("seccomp", "unconfined")
    )
    assert parse_security_opt("no-new-privileges") == parse_security_opt("no-new-privileges:true")
    assert parse_security_opt("no-new-privileges=false") == ("no-new-privileges", "false")
    assert refusal(parse_security_opt, "foo") == 'Invalid --security-opt: "foo"'
    # The first separator is the first `=`: a profile's path may hold colons.
    assert parse_security_opt("seccomp=/a:b.json") == ("seccomp", "/a:b.json")
    assert parse_security_opt("docker-compat") == ("docker-compat", "")


@pytest.mark.parametrize(
    "text",
    ["systempaths=unconfined", "writable-cgroups=true", "apparmor=mine", "label=type:t", "label", "seccomp",
     "seccomp=", "docker-compat=", "docker-compat=true", "", "=", ":"],
)  # fmt: skip
def test_a_security_option_that_cannot_be_had_is_refused(text: str) -> None:
    assert refusal(parse_security_opt, text) == f'Invalid --security-opt: "{text}"'


@pytest.mark.parametrize(
    "text", ["apparmor=unconfined", "apparmor:unconfined", "label=disable", "label:disable"]
)
def test_a_security_module_may_be_declined(text: str) -> None:
    assert parse_security_opt(text) == tuple(text.replace(":", "=").split("="))


def test_no_new_privileges_takes_gos_booleans() -> None:
    for word, meant in (("1", "true"), ("T", "true"), ("0", "false"), ("False", "false")):
        assert parse_security_opt(f"no-new-privileges={word}") == ("no-new-privileges", meant)
    for text in ("no-new-privileges=", "no-new-privileges=maybe"):
        assert refusal(parse_security_opt, text) == f'invalid --security-opt 2: "{text}"'


def test_only_sysctls_of_a_namespace_are_taken() -> None:
    assert parse_sysctl("net.ipv4.ip_forward=1") == ("net.ipv4.ip_forward", "1")
    assert parse_sysctl("kernel.shmmax=5") == ("kernel.shmmax", "5")
    assert parse_sysctl("net/ipv4/conf/eth0.1/forwarding=1") == ("net.ipv4.conf.eth0/1.forwarding", "1")
    for text in ("kernel.panic=1", "net.x", "net/../kernel=1", "net.//.kernel=1", "foo=1"):
        assert refusal(parse_sysctl, text) == f"sysctl '{text}' is not whitelisted"


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_integers_read_back_in_every_base(number: int) -> None:
    sign, magnitude = ("-" if number < 0 else ""), abs(number)
    for text in (str(number), f"{sign}0x{magnitude:x}", f"{sign}0b{magnitude:b}", f"{sign}0{magnitude:o}"):
        assert parse_int(text) == number


def test_wrong_numbers_are_refused_with_gos_texts() -> None:
    assert refusal(parse_int, "foo") == 'strconv.ParseInt: parsing "foo": invalid syntax'
    assert refusal(parse_int, "9" * 20) == f'strconv.ParseInt: parsing "{"9" * 20}": value out of range'
    assert refusal(parse_bool, "foo") == 'strconv.ParseBool: parsing "foo": invalid syntax'
    assert parse_bool("T") and not parse_bool("0")


@given(st.text(st.characters(codec="utf-8")))
def test_quoted_text_has_no_bare_quote_or_control_character(text: str) -> None:
    shown = quote(text)
    assert shown.isprintable()
    assert '"' not in shown[1:-1].replace("\\\\", "").replace('\\"', "")
