import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocker.engine import capabilities
from rocker.errors import InvalidArgumentError

EVERYTHING = frozenset(capabilities.ALL)


def resolve(add=(), drop=(), **options):
    return capabilities.resolve(add, drop, available=options.pop("available", EVERYTHING), **options)


def test_the_default_is_podmans_eleven():
    assert len(resolve()) == 11
    assert not {"CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE"} & set(resolve())


def test_docker_compat_is_dockers_fourteen():
    assert len(resolve(base=capabilities.DOCKER)) == 14


def test_names_go_with_and_without_prefix_in_any_case():
    assert "CAP_NET_ADMIN" in resolve(add=["net_admin"])
    assert "CAP_NET_ADMIN" in resolve(add=["CAP_NET_ADMIN"])
    assert "CAP_CHOWN" not in resolve(drop=["chown"])


def test_all_can_be_added_with_exceptions():
    assert set(resolve(add=["ALL"], drop=["SYS_ADMIN"])) == EVERYTHING - {"CAP_SYS_ADMIN"}


def test_all_can_be_dropped_with_exceptions():
    assert resolve(add=["KILL"], drop=["all"]) == ("CAP_KILL",)


def test_all_means_what_the_engine_has():
    available = EVERYTHING - {"CAP_SYS_RESOURCE"}
    assert set(resolve(add=["ALL"], available=available)) == available
    assert set(resolve(privileged=True, available=available)) == available


def test_a_capability_that_the_engine_lacks_is_refused_by_name():
    with pytest.raises(
        InvalidArgumentError, match="CAP_SYS_RESOURCE cannot be given: rocker itself does not have it"
    ):
        resolve(add=["SYS_RESOURCE"], available=EVERYTHING - {"CAP_SYS_RESOURCE"})


def test_an_unknown_capability_is_refused_with_near_names():
    with pytest.raises(InvalidArgumentError) as caught:
        resolve(add=["NET_ADMN"])
    assert caught.value.message == 'invalid CapAdd: unknown capability: "CAP_NET_ADMN"'
    assert "CAP_NET_ADMIN" in (caught.value.hint or "")


def test_nothing_is_inheritable_or_ambient():
    document = capabilities.document(resolve(add=["ALL"]))
    assert document["inheritable"] == []
    assert document["ambient"] == []
    assert document["bounding"] == document["permitted"] == document["effective"] == list(capabilities.ALL)


def test_this_process_knows_what_it_has():
    assert capabilities.held() <= EVERYTHING


@given(st.lists(st.sampled_from(capabilities.ALL)), st.lists(st.sampled_from(capabilities.ALL)))
def test_what_is_added_is_there_and_the_order_is_by_number(add, drop):
    found = resolve(add=add, drop=drop)
    assert set(add) <= set(found)
    assert not set(drop) - set(add) & set(found)
    assert list(found) == sorted(found, key=capabilities.ALL.index)
