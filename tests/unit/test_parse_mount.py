# ruff: noqa: E501 -- one case a line; properties say "right or refused"
from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError
from rocker.parse.mount import Mount, parse_mount, split_csv
from rocker.parse.volume import parse_tmpfs, parse_volume

NAME = st.text(
    st.characters(codec="utf-8", categories=("L", "N"), include_characters=' ,"._-'), min_size=1, max_size=9
)
PATH = NAME.filter(lambda name: name not in (".", "..")).map(lambda name: "/" + name)


def refusal(parse, text: str) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        parse(text)
    return str(caught.value)


def test_a_bind_mount_has_all_its_options() -> None:
    text = "type=bind,src=/a,dst=/b,readonly,bind-propagation=rprivate,bind-recursive=readonly,consistency=cached"
    assert parse_mount(text) == Mount(
        "bind", "/a", "/b", read_only=True, propagation="rprivate", recursive="readonly", consistency="cached"
    )


def test_a_tmpfs_mount_has_a_size_and_a_mode() -> None:
    mount = parse_mount("type=tmpfs,target=/t,tmpfs-size=64m,tmpfs-mode=1770")
    assert (mount.tmpfs_size, mount.tmpfs_mode) == (64 << 20, 0o1770)


def test_a_volume_mount_collects_what_may_be_repeated() -> None:
    mount = parse_mount(
        "source=v,target=/t,volume-label=a=b,volume-label=c,volume-opt=o=p,volume-nocopy,volume-driver=local"
    )
    assert (mount.type, mount.source, mount.no_copy, mount.volume_driver) == ("volume", "v", True, "local")
    assert (mount.volume_labels, mount.volume_options) == (("a=b", "c"), ("o=p",))


def test_the_last_of_equal_keys_wins_under_any_of_its_names() -> None:
    assert parse_mount("type=bind,src=/a,source=/b,dst=/x,destination=/y,ro,readonly=false") == Mount(
        "bind", "/b", "/y"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "EOF"),
        (" ", "invalid field ' ' must be a key=value pair"),
        ("target", "invalid field 'target' must be a key=value pair"),
        ("target=/x,foo=bar", "unexpected key 'foo' in 'foo=bar'"),
        ("readonly=foo,target=/x", "invalid value for readonly: foo"),
        ("type=tmpfs,target=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
        ("type=tmpfs,target=/x,tmpfs-size=x", "invalid value for tmpfs-size: x"),
        ("type=,target=/x", "type is required"),
        ("type=bind,source=/a", "target is required"),
        (
            "type=tmpfs,target=/x,bind-propagation=slave",
            "cannot mix 'bind-*' options with mount type 'tmpfs'",
        ),
        (
            "bind-recursive=x",
            'invalid value for bind-recursive: x (must be "enabled", "disabled", "writable", or "readonly")',
        ),
        (
            "type=bind,source=/a,target=/x,bind-recursive=readonly",
            "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
        ),
        (
            "type=bind,source=/a,target=/x,bind-recursive=readonly,readonly",
            "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
        ),
        ("type=foo,target=/x", 'mount type unknown: "foo"'),
        ("type=bind,target=/x", 'invalid mount config for type "bind": field Source must not be empty'),
        (
            "type=bind,source=/a,target=x",
            "invalid mount config for type \"bind\": invalid mount path: 'x' mount path must be absolute",
        ),
        (
            "type=bind,source=/a,target=/.",
            "invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
        ),
        (
            "type=tmpfs,source=/a,target=/x",
            'invalid mount config for type "tmpfs": field Source must not be specified',
        ),
        ('type=bind,so"urce=/a', 'parse error on line 1, column 13: bare " in non-quoted-field'),
        ('type=bind,"source', 'parse error on line 1, column 18: extraneous or missing " in quoted-field'),
        ('type=bind,"a"b', 'parse error on line 1, column 13: extraneous or missing " in quoted-field'),
    ],
)
def test_a_wrong_mount_is_refused_with_dockers_text(text: str, message: str) -> None:
    assert refusal(parse_mount, text) == message


@given(PATH, PATH, st.booleans())
def test_any_paths_can_be_written_with_quotes(source: str, target: str, read_only: bool) -> None:
    out = io.StringIO()
    fields = ["type=bind", f"source={source}", f"target={target}", *(["readonly"] if read_only else [])]
    csv.writer(out, lineterminator="").writerow(fields)
    assert parse_mount(out.getvalue()) == Mount("bind", source, target, read_only=read_only)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0")), min_size=1))
def test_fields_read_back_as_they_were_written(fields: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator="", quoting=csv.QUOTE_ALL).writerow(fields)
    assert split_csv(out.getvalue()) == fields


@given(st.text('type=bindsrc,/"ro-'))
def test_any_text_is_a_mount_or_refused(text: str) -> None:
    try:
        assert parse_mount(text).target.startswith("/")
    except InvalidArgumentError as error:
        assert str(error)


def test_a_volume_with_a_path_is_a_bind_that_makes_its_source() -> None:
    assert parse_volume("/a:/b:ro,rslave") == Mount(
        "bind", "/a", "/b", read_only=True, propagation="rslave", create_source=True
    )


def test_a_relative_source_counts_from_the_working_directory(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_volume("./x:/b").source == f"{tmp_path}/x"
    assert parse_volume(".:/b").source == str(tmp_path)


def test_a_volume_with_a_name_or_none_is_a_volume() -> None:
    assert parse_volume("data:/b:nocopy") == Mount("volume", "data", "/b", no_copy=True)
    assert parse_volume("/b") == Mount("volume", "", "/b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid volume specification: ''"), ("a:b:c:d", "invalid volume specification: 'a:b:c:d'"),
        (":/b", "invalid volume specification: ':/b'"), ("/a:ro", "invalid volume specification: '/a:ro'"),
        ("/a:/b:foo", "invalid mode: foo"), ("/a:/b:ro,rw", "invalid mode: ro,rw"), ("data:/b:shared", "invalid mode: shared"),
        ("/a:b", "invalid volume specification: '/a:b': invalid mount path: 'b' mount path must be absolute"),
        ("/a:/", "invalid volume specification: '/a:/': invalid specification: destination can't be '/'"),
        ("/a:/x/..", "invalid volume specification: '/a:/x/..': invalid specification: destination can't be '/'"),
    ],
)  # fmt: skip
def test_a_wrong_volume_is_refused(text: str, message: str) -> None:
    assert refusal(parse_volume, text) == message


def test_a_volume_name_has_only_certain_characters() -> None:
    assert '"a/b" includes invalid characters for a local volume name' in refusal(parse_volume, "a/b:/x")


@given(st.text("ab/:.,roz"))
def test_any_text_is_a_volume_or_refused(text: str) -> None:
    try:
        assert parse_volume(text).target.startswith("/")
    except InvalidArgumentError as error:
        assert str(error)


def test_tmpfs_has_a_target_and_options() -> None:
    assert parse_tmpfs("/run:size=64m,mode=755") == ("/run", "size=64m,mode=755")
    assert parse_tmpfs("/run") == ("/run", "")
    assert "mount path must be absolute" in refusal(parse_tmpfs, "run")
