"""Names of images: completed, shortened and refused as Docker does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError
from rocker.images.reference import Reference

_SHA = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("debian", "docker.io/library/debian:latest", "debian:latest"),
        ("debian:13", "docker.io/library/debian:13", "debian:13"),
        ("a/b", "docker.io/a/b:latest", "a/b:latest"),
        ("docker.io/debian", "docker.io/library/debian:latest", "debian:latest"),
        ("index.docker.io/library/debian", "docker.io/library/debian:latest", "debian:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"),
        ("ghcr.io/a/b/c", "ghcr.io/a/b/c:latest", "ghcr.io/a/b/c:latest"),
        ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"),
        ("Host/x", "Host/x:latest", "Host/x:latest"),
        (f"debian@{_SHA}", f"docker.io/library/debian@{_SHA}", f"debian@{_SHA}"),
        (f"debian:13@{_SHA}", f"docker.io/library/debian:13@{_SHA}", f"debian:13@{_SHA}"),
        ("a__b/c---d.e_f", "docker.io/a__b/c---d.e_f:latest", "a__b/c---d.e_f:latest"),
        ("x:_T.a-9", "docker.io/library/x:_T.a-9", "x:_T.a-9"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
    ],
)
def test_a_name_is_completed_and_shortened(text: str, full: str, familiar: str) -> None:
    reference = Reference.parse(text)
    assert str(reference) == full
    assert reference.familiar == familiar
    assert Reference.parse(familiar) == reference


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "invalid reference format"),
        ("Debian", "invalid reference format: repository name (library/Debian) must be lowercase"),
        ("a/B:1", "invalid reference format: repository name (a/B) must be lowercase"),
        (":x", "invalid reference format"),
        ("a:", "invalid reference format"),
        ("a:b:c", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a-", "invalid reference format"),
        ("a._b", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("../etc", "invalid reference format"),
        ("a/../b", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("a\n", "invalid reference format"),
        ("a\0", "invalid reference format"),
        ("é", "invalid reference format"),
        ("x:" + "t" * 129, "invalid reference format"),
        ("host:port/x", "invalid reference format"),
        ("-host.example/x", "invalid reference format"),
        ("a@", "invalid reference format"),
        ("a@sha256:abc", "invalid reference format"),
        ("a@sha256:" + "a" * 63, "invalid checksum digest length"),
        ("a@sha256:" + "A" * 64, "invalid checksum digest format"),
        ("a@md5:" + "a" * 32, "unsupported digest algorithm"),
        ("a" * 256, "repository name must not be more than 255 characters"),
        ("a" * 64, f"invalid repository name ({'a' * 64}), cannot specify 64-byte hexadecimal strings"),
    ],
)
def test_what_is_no_name_is_refused_in_dockers_words(text: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Reference.parse(text)
    assert str(caught.value) == message


def test_the_default_tag_can_be_left_out() -> None:
    assert Reference.parse("debian", default_tag=False).tag is None


def test_a_reference_is_immutable() -> None:
    with pytest.raises(AttributeError, match="immutable: tag"):
        Reference.parse("debian").tag = "x"


# The grammar as the reference implementation writes it, as the oracle.
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_ORACLE = re.compile(
    rf"(?P<domain>{_DOMAIN})/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?"
)
_ALPHABET = st.text("abzA09._-:/[]@ é", max_size=24)


@given(_ALPHABET)
def test_exactly_the_grammar_is_accepted(text: str) -> None:
    first, slash, rest = text.partition("/")
    if not slash or not (set(first) & set(".:") or first == "localhost" or first != first.lower()):
        first, rest = "docker.io", text
    if first == "docker.io" and "/" not in rest:
        rest = "library/" + rest
    expected = _ORACLE.fullmatch(f"{first}/{rest}")
    try:
        reference = Reference.parse(text)
    except InvalidArgumentError:
        assert expected is None
        return
    assert expected is not None
    assert (reference.domain, reference.path) == (expected["domain"], expected["path"])
    assert reference.tag == (expected["tag"] or "latest")


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidArgumentError:
        return
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(reference.familiar) == reference
