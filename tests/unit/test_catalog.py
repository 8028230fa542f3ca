"""The catalogue: names, prefixes, transactions, many processes, other versions, a full disk."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rocker.engine import migrations
from rocker.engine.catalog import Catalog, ContainerRow
from rocker.errors import (
    ContainerNotFoundError,
    CorruptError,
    InvalidArgumentError,
    NameInUseError,
    NoSpaceError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "root") as opened:
        yield opened


def row(number: int, name: str, *, config: str = "{}") -> ContainerRow:
    return ContainerRow(
        f"{number:x}".ljust(64, "0"), name, "sha256:" + "a" * 64, "debian", 1_000 + number, False, config
    )


def test_the_database_is_for_its_owner_only(catalog: Catalog) -> None:
    assert stat.S_IMODE(Path(catalog.path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(catalog.root).stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(catalog.path + "-wal").stat().st_mode) == 0o600


def test_a_container_is_found_by_id_name_and_unambiguous_prefix(catalog: Catalog) -> None:
    first, second = row(0xAB1, "one"), row(0xAB2, "two")
    catalog.insert_container(first)
    catalog.insert_container(second)
    for ref in (first.id, "one", "/one", "ab1", first.id[:12]):
        assert catalog.get_by_ref(ref) == first
    assert catalog.get_by_ref("ab2") == second


def test_an_ambiguous_prefix_names_the_candidates(catalog: Catalog) -> None:
    for number in range(0xAB1, 0xAB8):
        catalog.insert_container(row(number, f"n{number}"))
    with pytest.raises(InvalidArgumentError) as caught:
        catalog.get_by_ref("ab")
    assert str(caught.value) == (
        "multiple IDs found with provided prefix: ab "
        "(ab1000000000, ab2000000000, ab3000000000, ab4000000000, ab5000000000, …)"
    )


@pytest.mark.parametrize("ref", ["", "x", "/", "ab%", "AB1", "a" * 64, "a" * 65])
def test_what_is_not_there_is_named(catalog: Catalog, ref: str) -> None:
    catalog.insert_container(row(0xAB1, "one"))
    with pytest.raises(ContainerNotFoundError) as caught:
        catalog.get_by_ref(ref)
    assert str(caught.value) == f"No such container: {ref}"


def test_an_exact_id_wins_over_a_name_and_a_name_over_a_prefix(catalog: Catalog) -> None:
    first = row(0xAB1, "one")
    catalog.insert_container(first)
    catalog.insert_container(row(2, first.id))
    third = row(3, "ab1")
    catalog.insert_container(third)
    assert catalog.get_by_ref(first.id) == first
    assert catalog.get_by_ref("ab1") == third


def test_a_name_in_use_names_its_holder(catalog: Catalog) -> None:
    holder = row(1, "one")
    catalog.insert_container(holder)
    catalog.insert_container(row(2, "two"))
    text = (
        f'Conflict. The container name "/one" is already in use by container "{holder.id}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )
    for refused in (
        lambda: catalog.insert_container(row(3, "one")),
        lambda: catalog.rename_container(row(2, "").id, "one"),
    ):
        with pytest.raises(NameInUseError) as caught:
            refused()
        assert str(caught.value) == text
    assert [found.name for found in catalog.list_containers()] == ["two", "one"]


def test_rename_update_and_delete_say_when_there_is_nothing(catalog: Catalog) -> None:
    held = row(1, "one")
    catalog.insert_container(held)
    catalog.rename_container(held.id, "uno")
    catalog.update_container(held.id, '{"a":1}')
    assert catalog.get_by_ref("uno").auto_remove is False
    catalog.update_container(held.id, '{"a":2}', auto_remove=True)
    assert catalog.get_by_ref("uno").auto_remove is True
    assert catalog.get_by_ref("uno").config == '{"a":2}'
    assert catalog.delete_container(held.id) is True
    assert catalog.delete_container(held.id) is False
    for missing in (
        lambda: catalog.rename_container(held.id, "x"),
        lambda: catalog.update_container(held.id, "{}"),
    ):
        with pytest.raises(ContainerNotFoundError, match=f"No such container: {held.id}"):
            missing()


def test_lists_are_filtered_in_sql(catalog: Catalog) -> None:
    for number, name in enumerate(("web_1", "web_2", "db%")):
        catalog.insert_container(row(number, name))
    other = row(3, "other")
    other.image_id = "sha256:" + "b" * 64
    catalog.insert_container(other)
    assert catalog.list_containers(image_id=other.image_id) == [other]
    assert [found.name for found in catalog.list_containers()] == ["other", "db%", "web_2", "web_1"]
    assert catalog.list_containers(image_id="sha256:" + "c" * 64) == []
    assert sorted(catalog.container_ids()) == sorted(found.id for found in catalog.list_containers())


def test_a_failed_block_leaves_nothing(catalog: Catalog) -> None:
    def fail() -> None:
        with catalog.write():
            catalog.insert_container(row(1, "one"))
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        fail()
    assert catalog.container_ids() == []
    catalog.insert_container(row(2, "two"))
    assert len(catalog.container_ids()) == 1


def test_threads_share_one_catalogue(catalog: Catalog) -> None:
    def work(base: int) -> None:
        for number in range(base, base + 50):
            catalog.insert_container(row(number, f"n{number}"))
            assert catalog.get_by_ref(f"n{number}").name == f"n{number}"

    threads = [threading.Thread(target=work, args=(base,)) for base in range(0x1000, 0x1400, 0x100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(catalog.container_ids()) == 200


_CHILD = """
import sys
from rocker.engine import migrations
from rocker.engine.catalog import Catalog, ContainerRow
start = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
catalog = Catalog(sys.argv[1])
for number in range(start, start + 20):
    catalog.insert_container(ContainerRow(f"{number:064x}", f"n{number}", "", "", number, True, "{}"))
    catalog.get_by_ref(f"n{number}")
    catalog.delete_container(f"{number:064x}") if number % 2 else None
"""


def test_processes_that_open_a_new_catalogue_at_once_all_succeed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _CHILD, str(tmp_path / "root")]
    pipe = subprocess.PIPE
    children = [
        subprocess.Popen([*command, str(base * 100)], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        for base in range(12)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
        child.stdin = None
    for child in children:
        assert child.communicate()[1] == ""
        assert child.returncode == 0
    with Catalog(tmp_path / "root") as catalog:
        assert len(catalog.container_ids()) == 120


def test_a_forked_child_opens_its_own_connection(catalog: Catalog) -> None:
    catalog.insert_container(row(1, "one"))
    child = os.fork()
    if child == 0:
        try:
            catalog.insert_container(row(2, "two"))
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(catalog.container_ids()) == 2


def test_closing_leaves_the_log_for_the_next_opener(catalog: Catalog) -> None:
    catalog.insert_container(row(1, "one"))
    catalog.close()
    assert Path(catalog.path + "-wal").stat().st_size > 0
    with Catalog(catalog.root) as again:
        assert again.get_by_ref("one").id == row(1, "").id


def test_a_closed_catalogue_says_so(catalog: Catalog) -> None:
    catalog.close()
    catalog.close()
    with pytest.raises(InvalidArgumentError, match="the catalogue is closed"):
        catalog.container_ids()


def test_a_newer_schema_is_refused(catalog: Catalog) -> None:
    catalog.close()
    db = sqlite3.connect(catalog.path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(UnsupportedError) as caught:
        Catalog(catalog.root)
    assert (
        str(caught.value)
        == f"catalogue '{catalog.path}' has schema version 99, this rocker knows up to {migrations.LATEST}"
    )
    assert "upgrade rocker" in str(caught.value.hint)


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "rocker.db").write_bytes(b"rubbish " * 1000)
    with pytest.raises(CorruptError, match="file is not a database"):
        Catalog(tmp_path)


def test_a_failed_open_leaks_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "rocker.db").write_bytes(b"rubbish " * 1000)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with pytest.raises(CorruptError):
            Catalog(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_full_database_is_no_space(catalog: Catalog) -> None:
    with catalog.write() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(NoSpaceError, match="no space left") as caught:
        catalog.insert_container(row(1, "one", config="x" * 100_000))
    assert "free some space" in str(caught.value.hint)
    assert catalog.container_ids() == []
    catalog.insert_container(row(2, "two"))


def test_the_migrations_reach_the_version_that_is_opened_quickly() -> None:
    from rocker.engine import catalog

    assert catalog._VERSION == migrations.LATEST


def test_a_catalogue_of_the_first_version_is_migrated_with_what_it_holds(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "rocker.db")
    for statement in migrations.statements(1):
        db.execute(statement)
    db.execute("INSERT INTO containers VALUES ('c', 'old', '', 'busybox', 1, 0, '{}')")
    db.execute("PRAGMA user_version = 1")
    db.commit()
    db.close()
    with Catalog(tmp_path) as catalog:
        assert catalog.container_ids() == ["c"]
        assert catalog.query("SELECT count(*) FROM volumes") == [(0,)]


def test_a_volume_in_use_cannot_be_deleted_and_its_uses_go_with_the_container(catalog: Catalog) -> None:
    catalog.insert_container(row(1, "one"))
    with catalog.write() as db:
        db.execute("INSERT INTO volumes VALUES ('v', 'local', '{}', '{}', 0, 1)")
        db.execute("INSERT INTO volume_uses VALUES (?, '/x', 'v', 0)", (row(1, "one").id,))
    with pytest.raises(Exception, match="FOREIGN KEY"), catalog.write() as db:
        db.execute("DELETE FROM volumes")
    catalog.delete_container(row(1, "one").id)
    assert catalog.query("SELECT count(*) FROM volume_uses") == [(0,)]
