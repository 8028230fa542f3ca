import json

import pytest

from rocker.engine import id_ranges, settings, userns
from rocker.engine.options import Bind, RunOptions
from rocker.errors import ConflictError, InvalidArgumentError
from rocker.parse.userns import Userns, parse_userns

SIZE = 65536


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("host", Userns("host")),
        ("private", Userns("private")),
        ("auto", Userns("auto")),
        ("auto:size=1000", Userns("auto", size=1000)),
        ("container:web", Userns("container", container="web")),
    ],
)
def test_modes(text, wanted):
    assert parse_userns(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "none", "keep-id", "host:x", "private:size=1", "container:", "auto:", "auto:size=", "auto:size=0",
     "auto:size=-1", "auto:size=٣", "auto:size=1073741825", "auto:uidmapping=0:1:1", "Auto"],
)  # fmt: skip
def test_what_is_no_mode_is_refused(text):
    with pytest.raises(InvalidArgumentError, match="invalid USER mode"):
        parse_userns(text)


def test_ranges_are_apart_and_begin_again_below_the_place_of_the_engine():
    pool = (100_000, 100_000 + 4 * SIZE)
    taken = []
    for _ in range(4):
        start = id_ranges.choose([pool], sorted(taken), SIZE, seed="/var/lib/rocker")
        assert pool[0] <= start <= pool[1] - SIZE
        assert all(start + SIZE <= other or other + SIZE <= start for other, _ in taken)
        taken.append((start, SIZE))
    with pytest.raises(ConflictError, match="could not find 65536 unused ids"):
        id_ranges.choose([pool], sorted(taken), SIZE, seed="/var/lib/rocker")
    freed = taken.pop(1)
    assert id_ranges.choose([pool], sorted(taken), SIZE, seed="/var/lib/rocker") == freed[0]
    assert id_ranges.choose([pool, (1, 11)], sorted([*taken, freed]), 10, seed="x") == 1


def test_engines_begin_at_places_of_their_own():
    places = {id_ranges.choose([id_ranges.DEFAULT_POOL], [], SIZE, seed=f"/data/{n}") for n in range(50)}
    assert len(places) > 45
    assert all(place >= 1 << 31 and place + SIZE < (1 << 32) - 1 for place in places)


@pytest.mark.parametrize(
    ("uids", "gids", "wanted"),
    [
        ("", "", [id_ranges.DEFAULT_POOL]),
        ("someone:100000:65536\n", "someone:100000:65536\n", [id_ranges.DEFAULT_POOL]),
        ("containers:100000:500000\n", "containers:100000:500000\n", [(100_000, 600_000)]),
        ("containers:1:2\nrocker:100000:10\n", "containers:1:2\nrocker:100005:10\n", [(100_005, 100_010)]),
        (
            "#\nrocker:x:1\nrocker:0:5\nrocker:4294967290:100\n", "rocker:0:4294967295\n",
            [(1, 5), (4_294_967_290, 4_294_967_295)],
        ),
    ],
)  # fmt: skip
def test_pools_are_those_of_subuid_and_subgid(tmp_path, uids, gids, wanted):
    (tmp_path / "u").write_text(uids)
    (tmp_path / "g").write_text(gids)
    assert id_ranges.pools(f"{tmp_path}/u", f"{tmp_path}/g") == wanted


def test_ids_for_users_alone_are_refused(tmp_path):
    (tmp_path / "u").write_text("rocker:100000:65536\n")
    with pytest.raises(InvalidArgumentError, match="give the user 'rocker' no ids in common"):
        id_ranges.pools(f"{tmp_path}/u", f"{tmp_path}/absent")


@pytest.mark.parametrize(
    ("content", "wanted"),
    [("{}", ""), ('{"userns": "auto"}', "auto"), ('{"userns": "host", "default-address-pools": []}', "host")],
)
def test_the_configuration_is_read(tmp_path, content, wanted):
    (tmp_path / "config.json").write_text(content)
    assert settings.read(str(tmp_path)).userns == wanted


def test_without_a_configuration_everything_has_its_default(tmp_path):
    assert settings.read(str(tmp_path)) == settings.Settings()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("userns = auto", "Expecting value"),
        ("[]", "no JSON object"),
        ('{"usernss": "auto"}', "unknown setting 'usernss'"),
        ('{"userns": true}', "userns is no text"),
        ('{"userns": "yes"}', "invalid USER mode: yes"),
        ('{"userns": "container:x"}', "is for one container"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_file(tmp_path, content, why):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InvalidArgumentError, match=why) as caught:
        settings.read(str(tmp_path))
    assert caught.value.message.startswith(f"{tmp_path}/config.json: ")


class Nothing:
    """An engine without containers, with this configuration."""

    def __init__(self, root):
        self.root = str(root)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"privileged": True}, "privileged mode is incompatible with user namespaces"),
        ({"network": "host"}, "cannot share the host's network namespace when user namespaces are enabled"),
        ({"pid": "host"}, "cannot share the host PID namespace when user namespaces are enabled"),
        ({"cgroupns": "host"}, "cannot share the host cgroup namespace when user namespaces are enabled"),
    ],
)
@pytest.mark.parametrize("how", ["said", "configured"])
def test_what_contradicts_a_user_namespace_is_refused_as_by_docker(tmp_path, options, why, how):
    (tmp_path / "config.json").write_text(json.dumps({"userns": "auto"} if how == "configured" else {}))
    said = {"userns": "private"} if how == "said" else {}
    with pytest.raises(InvalidArgumentError, match=why):
        userns.resolve(Nothing(tmp_path), RunOptions(image="x", **options, **said))
    assert userns.resolve(Nothing(tmp_path), RunOptions(image="x", **options, userns="host")) == ""


def test_an_idmapped_bind_needs_a_user_namespace(tmp_path):
    options = RunOptions(image="x", mounts=(Bind("/src", "/dst", idmap=True),))
    with pytest.raises(InvalidArgumentError, match="the bind at /dst cannot be id-mapped"):
        userns.resolve(Nothing(tmp_path), options)
    assert userns.resolve(Nothing(tmp_path), options.replace(userns="auto")) == "auto"
