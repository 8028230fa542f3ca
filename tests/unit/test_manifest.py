"""Manifests, indexes and platforms: read as they are, or refused; nothing else happens whatever they contain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import InvalidArgumentError, NotFoundError, RockerError
from rocker.images import manifest as formats
from rocker.images.manifest import Index, Manifest, Platform, parse

DIGEST = "sha256:" + "ab" * 32
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar+zstd", "digest": DIGEST, "size": 7}
CONFIG = {"mediaType": formats.OCI_CONFIG, "digest": DIGEST, "size": 3}
IMAGE = {"schemaVersion": 2, "mediaType": formats.OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([DIGEST, 2, LAYER]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(list(LAYER) + list(IMAGE)), inner)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from([*IMAGE, "manifests", "urls"]), VALUES),
    st.sampled_from(["", *formats.INDEXES, *formats.MANIFESTS]),
)
def test_any_document_is_read_or_refused(document: dict[str, Any], media_type: str) -> None:
    try:
        found = parse(json.dumps({"schemaVersion": 2, **document}).encode(), media_type, "it")
        if isinstance(found, Manifest):
            found.check_image("it")
        else:
            found.choose(Platform("linux", "amd64"))
    except RockerError as error:
        assert error.message.startswith(("it", "invalid digest of it", "no matching manifest"))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(RockerError, match=r"^it"):
        parse(data, "", "it")


def test_a_document_without_a_media_type_is_what_it_contains() -> None:
    bare = {key: value for key, value in IMAGE.items() if key != "mediaType"}
    image = parse(json.dumps(bare).encode(), "text/plain", "it")
    assert isinstance(image, Manifest)
    assert image.media_type == formats.OCI_MANIFEST
    assert [layer.digest for layer in image.layers] == [DIGEST]
    index = parse(b'{"schemaVersion": 2, "manifests": []}', "", "it")
    assert isinstance(index, Index)
    assert index.media_type == formats.OCI_INDEX


def entry(os: str, architecture: str, variant: str = "") -> dict[str, Any]:
    platform = {"os": os, "architecture": architecture, "variant": variant}
    return {"mediaType": formats.OCI_MANIFEST, "digest": DIGEST, "size": 1, "platform": platform}


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], 1),
        ("amd64", ["windows/amd64", "linux/amd64"], 1),
        ("x86_64", ["linux/amd64"], 0),
        ("linux/arm64", ["linux/arm64/v8"], 0),
        ("aarch64", ["linux/arm/v7", "linux/arm64"], 1),
        ("arm", ["linux/arm/v6", "linux/arm/v7", "linux/arm/v5"], 1),
        ("arm/v6", ["linux/arm/v7", "linux/arm/v5", "linux/arm/v6"], 2),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], 1),
        ("linux/arm/v5", ["linux/arm/v6", "linux/arm/v7"], None),
        ("linux/amd64", ["linux/amd64/v3"], None),
        ("linux/amd64", ["unknown/unknown"], None),
        ("linux/amd64", ["linux/amd64", "linux/amd64"], 0),
        ("windows/amd64", ["linux/amd64"], None),
    ],
)
def test_the_entry_of_a_platform_is_chosen(wanted: str, offered: list[str], chosen: int | None) -> None:
    entries = [entry(*name.split("/")) for name in offered]
    document = {"schemaVersion": 2, "mediaType": formats.OCI_INDEX, "manifests": entries}
    index = parse(json.dumps(document).encode(), "", "it")
    assert isinstance(index, Index)
    if chosen is None:
        with pytest.raises(NotFoundError, match="no matching manifest for"):
            index.choose(Platform.parse(wanted))
    else:
        assert index.choose(Platform.parse(wanted)) is index.entries[chosen]


@pytest.mark.parametrize("text", ["a/b/c/d", "linux/", "/amd64", "linux/am d64", "linux//v8", "é/x"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="invalid platform"):
        Platform.parse(text)
