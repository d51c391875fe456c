"""A database and its files belong together."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pytest_devsecops.core.errors import UsageError
from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import composite, directory, procedure, sqlite
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.measuring import production_bytes
from pytest_devsecops.recovery.model import Environment, Store
from pytest_devsecops.recovery.stores.composite import CompositeStore
from pytest_devsecops.recovery.stores.directory import DirectoryStore
from pytest_devsecops.testing.stage import stage_of

pytestmark = [pytest.mark.slow, pytest.mark.tools(sqlite3="sqlite3")]


def seed_database(environment: Environment) -> None:
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table picture(id integer primary key autoincrement, file text)")
        connection.executemany("insert into picture(file) values (?)", [(f"{n}.txt",) for n in range(10)])
        connection.commit()


def seed_files(environment: Environment) -> None:
    for number in range(10):
        Path(environment["DIRECTORY_PATH"], f"{number}.txt").write_text(str(number), encoding="ascii")


def every_picture_has_its_file(environment: Environment) -> list[str]:
    connection = sqlite3.connect(environment["SQLITE_DATABASE"])
    names = [name for (name,) in connection.execute("select file from picture")]
    connection.close()
    return [name for name in names if not Path(environment["DIRECTORY_PATH"], name).is_file()]


def add_picture(environment: Environment) -> None:
    name = f"{secrets.token_hex(6)}.txt"
    media = Path(environment["DIRECTORY_PATH"])
    (media / name).write_text("new", encoding="ascii")
    with (media / "log").open("a", encoding="ascii") as log:
        log.write(name)
    with closing(sqlite3.connect(environment["SQLITE_DATABASE"], timeout=10)) as connection:
        connection.execute("insert into picture(file) values (?)", (name,))
        connection.commit()


def shop() -> CompositeStore:
    return composite(
        db=sqlite(prepare=seed_database),
        media=directory(prepare=seed_files),
        agrees=every_picture_has_its_file,
    )


def busy_shop() -> CompositeStore:
    return composite(
        db=sqlite(prepare=seed_database),
        media=directory(prepare=seed_files),
        agrees=every_picture_has_its_file,
        writes=add_picture,
    )


_DB = f"{sys.executable} -c \"import os, sqlite3; t = sqlite3.connect(os.environ['BACKUP_DIR'] + '/db'); sqlite3.connect(os.environ['SQLITE_DATABASE']).backup(t)\""
_MEDIA = "cp -a $DIRECTORY_PATH $BACKUP_DIR/media"
_BACK = "cp $BACKUP_DIR/db $SQLITE_DATABASE && cp -a $BACKUP_DIR/media/. $DIRECTORY_PATH"


def backup(environment: Environment) -> None:
    shutil.copytree(environment["DIRECTORY_PATH"], Path(environment["BACKUP_DIR"], "media"))
    source = sqlite3.connect(environment["SQLITE_DATABASE"])
    target = sqlite3.connect(Path(environment["BACKUP_DIR"], "db"))
    source.backup(target)
    source.close()
    target.close()


def restore(environment: Environment) -> None:
    shutil.copytree(Path(environment["BACKUP_DIR"], "media"), environment["DIRECTORY_PATH"], dirs_exist_ok=True)
    shutil.copy(Path(environment["BACKUP_DIR"], "db"), environment["SQLITE_DATABASE"])


def restore_most_files(environment: Environment) -> None:
    restore(environment)
    Path(environment["DIRECTORY_PATH"], "4.txt").unlink()


def test_whole_comes_back(recovery: Recovery) -> None:
    verdict = recovery.round_trip(shop(), by=procedure(backup, restore, every="24h"))
    assert verdict.status is Status.MET, verdict.explain()
    assert verdict.examined["rows"] == 20


def test_torn_pair_is_counted_and_named(recovery: Recovery) -> None:
    verdict = recovery.round_trip(shop(), by=procedure(backup, restore_most_files))
    assert verdict.status is Status.VIOLATED
    assert "the parts do not agree: 1 torn pair: 4.txt" in verdict.explain()
    assert "media file 4.txt is lost" in verdict.explain()


def test_a_generated_row_that_tears_the_source_is_told_and_a_table_that_is_meant_to_be_empty_gets_none(
    recovery: Recovery,
) -> None:
    def no_pictures(environment: Environment) -> None:
        with closing(sqlite3.connect(environment["SQLITE_DATABASE"])) as connection:
            connection.execute("create table picture(id integer primary key autoincrement, file text)")
            connection.execute("create table visitor as select 'Ada' as name")
            connection.commit()

    def gallery(**empty: str) -> CompositeStore:
        return composite(
            db=sqlite(prepare=no_pictures, empty=empty),
            media=directory(prepare=seed_files),
            agrees=every_picture_has_its_file,
        )

    by = procedure(f"{_DB} && {_MEDIA}", _BACK)
    verdict = recovery.round_trip(gallery(), by=by)
    assert "1 torn pair: generated; the source was torn as much already when it was lost" in verdict.explain()
    assert "name a table that must hold no generated row in empty={…}" in verdict.explain()
    verdict = recovery.round_trip(gallery(picture="the gallery opens without one"), by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_two_members_with_one_variable_are_refused(recovery: Recovery) -> None:
    twins = composite(one=directory(prepare=seed_files), other=directory(prepare=seed_files))
    with pytest.raises(UsageError, match="both use the variable DIRECTORY_PATH"):
        recovery.round_trip(twins, by=procedure(backup, restore))


def test_composite_without_members_is_refused() -> None:
    with pytest.raises(UsageError, match="no members"):
        composite()


def test_parts_of_one_order_are_met_while_the_application_writes(recovery: Recovery) -> None:
    # The rows first: whatever they refer to is there when the files follow.
    verdict = recovery.round_trip(busy_shop(), by=procedure(f"{_DB} && sleep 0.3 && {_MEDIA}", _BACK, every="24h"))
    assert verdict.status is Status.MET, verdict.explain()
    writes = verdict.evidence["writes"]
    assert writes["acknowledged"] > writes["missing"] > 0
    assert writes["brought_back"]
    assert 86_400 < verdict.measured["rpo"] < 86_410


def test_parts_of_different_moments_are_torn(recovery: Recovery) -> None:
    verdict = recovery.round_trip(busy_shop(), by=procedure(f"{_MEDIA} && sleep 0.3 && {_DB}", _BACK))
    assert verdict.status is Status.VIOLATED
    assert "the parts do not agree" in verdict.explain()
    assert "torn pairs" in verdict.explain()


def test_a_lost_file_that_no_write_touched_is_named_among_those_that_writes_made(recovery: Recovery) -> None:
    by = procedure(f"{_DB} && {_MEDIA} && rm $BACKUP_DIR/media/4.txt", _BACK)
    verdict = recovery.round_trip(busy_shop(), by=by)
    lost = [found.message for found in verdict.findings if found.rule == "lost-media-file"]
    assert lost == ["media file 4.txt is lost"]


LOST_PARTS = {
    "database": (_MEDIA, "cp -a $BACKUP_DIR/media/. $DIRECTORY_PATH", "there is no file at SQLITE_DATABASE"),
    "files": (_DB, "cp $BACKUP_DIR/db $SQLITE_DATABASE", "media file 0.txt is lost"),
    "files, although they are in the artefact": (
        f"{_DB} && {_MEDIA}",
        "cp $BACKUP_DIR/db $SQLITE_DATABASE",
        "media/files lost 10 rows",
    ),
    "a table": (
        f"{_DB} && {_MEDIA} && sqlite3 $BACKUP_DIR/db 'drop table picture'",
        _BACK,
        "db table picture is lost",
    ),
}


@pytest.mark.parametrize("case", LOST_PARTS.values(), ids=LOST_PARTS)
def test_one_part_lost_is_named(recovery: Recovery, case: tuple[str, str, str]) -> None:
    backup, restore, lost = case
    whole = composite(db=sqlite(prepare=seed_database), media=directory(prepare=seed_files))
    verdict = recovery.round_trip(whole, by=procedure(backup, restore))
    assert verdict.status is Status.VIOLATED
    assert lost in "\n".join(found.message for found in verdict.findings)


def test_member_that_does_not_start_or_cannot_be_read_is_named(recovery: Recovery) -> None:
    verdict = recovery.round_trip(
        shop(), by=procedure(f"{_DB} && {_MEDIA}", _BACK.replace("cp $BACKUP_DIR/db", "true"))
    )
    assert "db: there is no file at SQLITE_DATABASE" in verdict.explain()
    spoil = _BACK.replace("cp $BACKUP_DIR/db $", "seq 9999 > $")
    assert (
        "db: SQLite refuses the file"
        in recovery.round_trip(shop(), by=procedure(f"{_DB} && {_MEDIA}", spoil)).explain()
    )


def test_both_scripts_get_the_variables_of_both_parts(recovery: Recovery, tmp_path: Path) -> None:
    whole = composite(
        db=sqlite(prepare=seed_database, env={"DATABASE_URL": "sqlite:///{path}"}),
        media=directory(prepare=seed_files, env={"MEDIA_ROOT": "{path}"}),
    )
    tell = f"env | grep -E '^(DATABASE_URL|MEDIA_ROOT|SQLITE_DATABASE|DIRECTORY_PATH|BACKUP_DIR)=' | cut -d= -f1 > {tmp_path}"
    by = procedure(f"{_DB} && {_MEDIA} && {tell}/backup", f"{_BACK} && {tell}/restore")
    assert recovery.round_trip(whole, by=by)
    names = {"DATABASE_URL", "MEDIA_ROOT", "SQLITE_DATABASE", "DIRECTORY_PATH", "BACKUP_DIR"}
    assert set((tmp_path / "backup").read_text(encoding="ascii").split()) == names
    assert set((tmp_path / "restore").read_text(encoding="ascii").split()) == names


def test_two_files_of_one_application_have_variables_of_their_own(recovery: Recovery) -> None:
    def seed_archive(environment: Environment) -> None:
        with closing(sqlite3.connect(environment["ARCHIVE"])) as connection:
            connection.execute("create table old(x)")
            connection.execute("insert into old values (1)")
            connection.commit()

    whole = composite(main=sqlite(prepare=seed_database), archive=sqlite(prepare=seed_archive, variable="ARCHIVE"))
    save = "sqlite3 -cmd '.timeout 9000' $%s \".backup '$BACKUP_DIR/%s'\""
    both = procedure(
        f"{save % ('SQLITE_DATABASE', 'main')} && {save % ('ARCHIVE', 'archive')}",
        "cp $BACKUP_DIR/main $SQLITE_DATABASE && cp $BACKUP_DIR/archive $ARCHIVE",
    )
    verdict = recovery.round_trip(whole, by=both)
    assert verdict.status is Status.MET, verdict.explain()
    swapped = procedure(both.backup, "cp $BACKUP_DIR/main $ARCHIVE && cp $BACKUP_DIR/archive $SQLITE_DATABASE")
    assert "main table picture is lost" in recovery.round_trip(whole, by=swapped).explain()


def test_what_a_member_ignores_and_redacts_counts_in_the_whole(recovery: Recovery) -> None:
    whole = composite(
        db=sqlite(prepare=seed_database, redact=["picture.file"]),
        media=directory(prepare=seed_files, ignore={"file:3.txt": "a thumbnail, made anew"}),
    )
    by = procedure(
        f"{_DB} && {_MEDIA} && rm $BACKUP_DIR/media/3.txt && sqlite3 $BACKUP_DIR/db \"update picture set file = 'x' where id = 2\"",  # noqa: S608 - a script of this test
        _BACK,
    )
    verdict = recovery.round_trip(whole, by=by)
    assert "file was (redacted) and came back as (redacted)" in verdict.explain()
    assert "3.txt" not in verdict.explain()
    assert {one["reason"] for one in verdict.evidence["ignored"]} == {"a thumbnail, made anew"}


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (True, Status.MET, ""),
        ([], Status.MET, ""),
        (False, Status.VIOLATED, "the parts do not agree"),
        ([("order 7", "7.pdf"), ("order 9", "9.pdf")], Status.VIOLATED, "2 torn pairs: ('order 7', '7.pdf')"),
        ({"order 7": "7.pdf"}, Status.VIOLATED, "1 torn pair: ('order 7', '7.pdf')"),
        ((name for name in ("7.pdf", "9.pdf")), Status.VIOLATED, "2 torn pairs: 7.pdf, 9.pdf"),
        (iter(()), Status.MET, ""),
        (0, Status.MET, ""),
        (3, Status.VIOLATED, "the parts do not agree: 3 torn pairs"),
        ("", Status.MET, ""),
        ("order 7 has no file", Status.VIOLATED, "1 torn pair: order 7 has no file"),
        (object(), Status.UNVERIFIED, "agrees= answered with an object, which says nothing"),
    ],
)
def test_every_answer_of_agrees_counts(recovery: Recovery, answer: object, status: Status, words: str) -> None:
    whole = composite(
        db=sqlite(prepare=seed_database), media=directory(prepare=seed_files), agrees=lambda _environment: answer
    )
    verdict = recovery.round_trip(whole, by=procedure(f"{_DB} && {_MEDIA}", _BACK))
    assert verdict.status is status, verdict.explain()
    assert words in verdict.explain()


def test_an_agreement_that_ends_half_way_is_unknown(recovery: Recovery) -> None:
    def pairs(_environment: Environment) -> Iterator[str]:
        yield "7.pdf"
        raise LookupError("no such order")

    whole = composite(db=sqlite(prepare=seed_database), media=directory(prepare=seed_files), agrees=pairs)
    verdict = recovery.round_trip(whole, by=procedure(f"{_DB} && {_MEDIA}", _BACK))
    assert verdict.status is Status.UNVERIFIED
    assert "agrees= could not look at what was restored: LookupError: no such order" in verdict.explain()


def test_members_keep_their_own_probe_and_ledger(recovery: Recovery) -> None:
    def whole(probe: object) -> CompositeStore:
        return composite(
            db=sqlite(prepare=seed_database, probe=lambda _environment: probe),
            media=directory(prepare=seed_files, ledger=False),
        )

    verdict = recovery.round_trip(
        whole(1), by=procedure(f"{_DB} && {_MEDIA} && test ! -e $BACKUP_DIR/media/devsecops-ledger", _BACK)
    )
    assert verdict.status is Status.MET, verdict.explain()
    verdict = recovery.round_trip(whole(0), by=procedure(f"{_DB} && {_MEDIA}", _BACK))
    assert verdict.status is Status.VIOLATED
    assert "the probe of db answered 0" in verdict.explain()


def test_members_writes_and_sizes_are_those_of_the_whole() -> None:
    done: list[str] = []

    def part(name: str, size: str) -> DirectoryStore:
        return directory(variable=name, production_size=size, writes=lambda _environment: done.append(name))

    one, two = part("one", "1GB"), part("two", "2GB")
    whole = composite(one=one, two=two).options
    assert whole.production_size == one.options.production_size + two.options.production_size
    assert whole.writes
    whole.writes({})
    assert done == ["one", "two"]
    partly = composite(one=one, three=directory()).options
    assert (partly.production_size, partly.unsized) == (one.options.production_size, ("three",))
    assert composite(three=directory()).options.production_size == 0
    assert composite(one=directory(production_size="same")).options.production_size == -1


def test_an_agreement_of_one_member_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="agrees= of the member db would not be asked"):
        composite(db=sqlite(agrees=lambda _environment: True), media=directory())


def test_what_is_no_store_is_refused() -> None:
    not_a_store: Store = "shop.db"  # type: ignore[assignment] # what a user may write
    with pytest.raises(UsageError, match=r"composite\(db=…\) must be a store, not str"):
        composite(db=not_a_store)


@pytest.mark.slow
def test_a_server_restored_from_its_files_goes_with_a_folder(recovery: Recovery) -> None:
    psycopg = pytest.importorskip("psycopg")
    from pytest_devsecops.recovery import postgresql

    def fill(environment: Environment) -> None:
        with psycopg.connect(environment["DATABASE_URL"]) as connection:
            connection.execute("create table picture(file text primary key)")
            connection.execute("insert into picture select n || '.txt' from generate_series(0, 9) n")

    whole = composite(
        db=postgresql(
            prepare=fill,
            env={"DATABASE_URL": "host={socket} port={port} user={user} password={password} dbname={dbname}"},
        ),
        media=directory(prepare=seed_files),
    )
    by = procedure(
        f"pg_basebackup -D $BACKUP_DIR/base && {_MEDIA}",
        "cp -a $BACKUP_DIR/base/. $PGDATA && cp -a $BACKUP_DIR/media/. $DIRECTORY_PATH",
        kind="physical",
    )
    verdict = recovery.round_trip(whole, by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_what_the_probe_writes_is_no_difference(recovery: Recovery) -> None:
    def can_add(environment: Environment) -> bool:
        add_picture(environment)
        return True

    whole = composite(
        db=sqlite(prepare=seed_database),
        media=directory(prepare=seed_files),
        agrees=every_picture_has_its_file,
        writes=add_picture,
        probe=can_add,
    )
    verdict = recovery.round_trip(whole, by=procedure(f"{_DB} && {_MEDIA}", _BACK, every="24h"))
    assert verdict.status is Status.MET, verdict.explain()


def test_agreement_that_is_asserted_counts(recovery: Recovery) -> None:
    def nothing_is_torn(environment: Environment) -> None:
        assert every_picture_has_its_file(environment) == ["9.txt"], "torn apart"

    whole = composite(db=sqlite(prepare=seed_database), media=directory(prepare=seed_files), agrees=nothing_is_torn)
    verdict = recovery.round_trip(whole, by=procedure(f"{_DB} && {_MEDIA}", _BACK))
    assert verdict.status is Status.VIOLATED
    assert "the parts do not agree: torn apart" in verdict.explain()


def test_a_member_that_says_nothing_of_its_size_is_as_large_beside_the_rest_as_in_the_test(recovery: Recovery) -> None:
    db = sqlite(prepare=seed_database, production_size="30MB")
    whole = composite(db=db, media=directory(prepare=seed_files))
    verdict = recovery.round_trip(whole, by=procedure(f"{_DB} && {_MEDIA}", _BACK, every="24h"), rto="10h")
    assert verdict.status is Status.MET, verdict.explain()
    assert " bytes, with media as large beside the rest as in the test, as nobody said its size" in verdict.summary


def test_a_large_member_that_says_nothing_of_its_size_does_not_help_a_limit(tmp_path: Path) -> None:
    def heavy(environment: Environment) -> None:
        Path(environment["DIRECTORY_PATH"], "film").write_bytes(bytes(300_000))

    db = sqlite(prepare=seed_database, production_size="1GB")
    with stage_of(composite(db=db, media=directory(prepare=heavy)), tmp_path) as stage:
        held = stage.template.snapshot
        assert held.unsized == 300_000
        assert production_bytes(stage.template) == 10**9 * held.size // (held.size - 300_000) > 2 * 10**9
