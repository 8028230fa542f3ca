"""Where a name leads, and who one is there: files, variables and helpers, no network."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.errors import DeniedError, InvalidArgumentError, RegistryError
from rocker.images.reference import Reference
from rocker.registry import credentials, proxy
from rocker.registry.challenge import parse
from rocker.registry.conf import Conf
from rocker.registry.source import expand_alias, sources

if TYPE_CHECKING:
    from pathlib import Path

CONF = """
unqualified-search-registries = ["quay.example"]
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "mirror.example/hub"
[[registry.mirror]]
location = "tags.example"
insecure = true
pull-from-mirror = "tag-only"
[[registry]]
prefix = "docker.io/library/special"
location = "elsewhere.example/x/special"
[[registry]]
prefix = "*.blocked.example"
blocked = true
[[registry]]
location = "plain.example:5000"
insecure = true
[aliases]
"tool" = "reg.example/team/tool"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "CONTAINERS_REGISTRIES_CONF", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


@pytest.fixture
def conf(home: Path, monkeypatch: pytest.MonkeyPatch) -> Conf:
    (home / "registries.conf").write_text(CONF)
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(home / "registries.conf"))
    return Conf.read()


def places(text: str, conf: Conf) -> list[tuple[str, str, bool, bool]]:
    return [(one.host, one.path, one.insecure, one.is_mirror) for one in sources(Reference.parse(text), conf)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("debian", [("registry-1.docker.io", "library/debian", False, False)]),
        ("index.docker.io/debian", [("registry-1.docker.io", "library/debian", False, False)]),
        ("me/app:1", [("registry-1.docker.io", "me/app", False, False)]),
        ("localhost:5000/app", [("localhost:5000", "app", True, False)]),
        ("localhost/app", [("localhost", "app", True, False)]),
        ("127.0.0.9/a/b", [("127.0.0.9", "a/b", True, False)]),
        ("[::1]:5000/app", [("[::1]:5000", "app", True, False)]),
        ("reg.example/app", [("reg.example", "app", False, False)]),
        ("notlocalhost.example:5000/app", [("notlocalhost.example:5000", "app", False, False)]),
    ],
)
def test_a_name_leads_to_its_registry(text: str, expected: list[Any]) -> None:
    assert places(text, Conf()) == expected


def test_mirrors_come_first_and_prefixes_move_names(conf: Conf) -> None:
    hub = ("registry-1.docker.io", "library/debian", False, False)
    mirror = ("mirror.example", "hub/library/debian", False, True)
    assert places("debian", conf) == [mirror, ("tags.example", "library/debian", True, True), hub]
    assert places("debian@sha256:" + "0" * 64, conf) == [mirror, hub]
    assert places("special", conf) == [("elsewhere.example", "x/special", False, False)]
    assert places("specialist", conf)[-1][1] == "library/specialist"
    assert places("plain.example:5000/x", conf) == [("plain.example:5000", "x", True, False)]
    assert [one.is_mirror for one in sources(Reference.parse("debian"), conf, push=True)] == [False]
    with pytest.raises(DeniedError, match=r"\*\.blocked\.example is blocked"):
        places("a.blocked.example/x", conf)


def test_an_alias_is_the_name_it_leads_to(conf: Conf) -> None:
    assert str(expand_alias("tool:2", conf)) == "reg.example/team/tool:2"
    assert str(expand_alias("other", conf)) == "docker.io/library/other:latest"


def test_docker_s_configuration_of_the_daemon_counts(home: Path) -> None:
    (home / "daemon.json").write_text(
        '{"insecure-registries": ["10.0.0.0/8", "old.example:5000"], "registry-mirrors": ["https://m.example/"]}'
    )
    conf = Conf()
    conf._add_daemon(str(home / "daemon.json"))
    assert [conf.is_insecure(host) for host in ("10.1.2.3:5000", "11.1.2.3", "old.example:5000", "old.example")] == [
        True, False, True, False,
    ]  # fmt: skip
    assert places("debian", conf)[0] == ("m.example", "library/debian", False, True)


@pytest.mark.parametrize(
    "text", ["[[registry", "registry = 1", "[[registry]]\ninsecure = true", "[registries.search]"]
)
def test_a_wrong_file_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (home / "bad.conf").write_text(text)
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(home / "bad.conf"))
    with pytest.raises(InvalidArgumentError, match=r"bad\.conf"):
        Conf.read()


# --- credentials ---


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_credentials_are_found_in_docker_s_and_containers_files(home: Path) -> None:
    auths = {"https://index.docker.io/v1/": auth("hub", "a:b"), "http://old.example/v1/": auth("old", "x")}
    write(home / ".docker/config.json", {"auths": auths})
    both = {
        "reg.example": auth("all", "1"),
        "reg.example/team": auth("team", "2"),
        "docker.io": auth("no", "0"),
    }
    write(home / "run/containers/auth.json", {"auths": both})

    def found(domain: str, path: str = "") -> str | None:
        one = credentials.find(domain, path)
        return one and f"{one.user} {one.password}"

    assert found("docker.io", "library/x") == "hub a:b"
    assert found("old.example") == "old x"
    assert found("reg.example", "team/app") == "team 2"
    assert found("reg.example", "teams/app") == found("reg.example") == "all 1"
    assert found("evil-reg.example") is found("reg.example:5000") is None


def test_one_named_file_is_the_only_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home / ".docker/config.json", {"auths": {"reg.example": auth("docker", "1")}})
    write(home / "own.json", {"auths": {}})
    assert credentials.find("reg.example") is not None
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "own.json"))
    assert credentials.find("reg.example") is None


def test_a_helper_is_asked_in_its_protocol(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = home / "bin/docker-credential-test"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nread server\ncase "$1 $server" in\n'
        '"get reg.example") echo \'{"Username": "u", "Secret": "s"}\' ;;\n'
        '"get token.example") echo \'{"Username": "<token>", "Secret": "t"}\' ;;\n'
        '"get bad.example") echo broken keychain; exit 1 ;;\n'
        "*) echo credentials not found in native keychain; exit 1 ;;\nesac\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}/bin:/bin:/usr/bin")
    write(home / ".docker/config.json", {"credsStore": "test", "credHelpers": {"lost.example": "lost"}})
    found = credentials.find("reg.example")
    assert found is not None
    assert (found.user, found.password, found.token) == ("u", "s", "")
    assert "s" not in repr(found).replace("Credentials", "")
    token = credentials.find("token.example")
    assert token is not None
    assert token.token == "t"
    assert credentials.find("none.example") is None
    with pytest.raises(RegistryError, match="broken keychain"):
        credentials.find("bad.example")
    with pytest.raises(RegistryError, match=r"docker-credential-lost.*not found"):
        credentials.find("lost.example")


@pytest.mark.parametrize(
    "text", ["{", "[]", *(f'{{"auths": {{"r.example": {{"auth": "{one}"}}}}}}' for one in ("%%%", "eA=="))]
)
def test_a_damaged_file_is_named_and_its_content_is_not(home: Path, text: str) -> None:
    (home / ".docker").mkdir()
    (home / ".docker/config.json").write_text(text)
    with pytest.raises(InvalidArgumentError, match=r"\.docker/config\.json") as caught:
        credentials.find("r.example")
    assert "%%%" not in caught.value.message


# --- proxies ---


def test_a_proxy_is_chosen_as_go_chooses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:se%40cret@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "a.example, .b.example,10.0.0.0/8,c.example:444,[fd00::1]:443,*.d.example")
    found = proxy.find("https", "reg.example", 443)
    assert found is not None
    assert (found.host, found.port) == ("proxy.example", 3128)
    assert found.authorization == "Basic " + base64.b64encode(b"me:se@cret").decode()
    assert proxy.find("http", "reg.example", 80) is None
    direct = [
        "a.example",
        "x.a.example",
        "x.b.example",
        "10.9.9.9",
        "localhost",
        "127.0.0.1",
        "fd00::1",
        "x.d.example",
    ]
    assert [host for host in direct if proxy.find("https", host, 443)] == []
    through = ["b.example", "c.example", "aa.example", "11.0.0.1", "d.example"]
    assert [host for host in through if not proxy.find("https", host, 443)] == []
    assert proxy.find("https", "c.example", 444) is None


# --- challenges ---


def test_challenges_are_parsed() -> None:
    header = 'Basic realm="a, \\"b\\"", Bearer realm="https://t.example/token",service=reg , scope="repository:x:pull"'
    basic, bearer = parse([header])
    assert (basic.scheme, basic.parameters) == ("basic", {"realm": 'a, "b"'})
    assert bearer.parameters == {
        "realm": "https://t.example/token", "service": "reg", "scope": "repository:x:pull",
    }  # fmt: skip
    assert [one.scheme for one in parse(["Negotiate", "bearer REALM=x"])] == ["negotiate", "bearer"]


@given(st.lists(st.text(alphabet='Bearer realm="\\,=/;\t\0é', max_size=200), max_size=5))
def test_no_header_breaks_the_parser(headers: list[str]) -> None:
    for challenge in parse(headers):
        assert challenge.scheme
        assert all(isinstance(value, str) for value in challenge.parameters.values())
