"""Real ways to lose a tree of files: each is violated with the lost thing named, its repaired twin is met."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import directory, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment

pytestmark = [pytest.mark.slow, pytest.mark.tools(openssl="openssl")]


def seed(environment: Environment) -> None:
    top = Path(environment["DIRECTORY_PATH"])
    (top / "media" / "2026").mkdir(parents=True)
    for number in range(20):
        (top / "media" / "2026" / f"{number}.txt").write_text(f"picture {number}", encoding="ascii")
    (top / ".htaccess").write_text("deny from all", encoding="ascii")
    (top / "empty").mkdir()
    (top / "zero").write_bytes(b"")
    (top / "zero").chmod(0o664)
    (top / "a name with spaces\nand a line").write_text("odd", encoding="ascii")
    (top / "run.sh").write_text("#!/bin/sh\n", encoding="ascii")
    (top / "run.sh").chmod(0o750)
    (top / "secret").write_text("key", encoding="ascii")
    (top / "secret").chmod(0o600)
    (top / "current").symlink_to("media/2026")
    (top / "dangling").symlink_to("/nowhere")
    (top / "linked").hardlink_to(top / "run.sh")
    os.setxattr(top / "secret", "user.owner", b"finance")
    sparse = top / "sparse"
    sparse.touch()
    os.truncate(sparse, 1 << 20)


@dataclass(frozen=True)
class Case:
    """One fault: its backup and restore, a part of the message, and the repaired twin."""

    backup: str
    restore: str
    lost: str


_ALL = "tar --xattrs -cf $BACKUP_DIR/t.tar -C $DIRECTORY_PATH ."
_BACK = "tar --xattrs -xpf $BACKUP_DIR/t.tar -C $DIRECTORY_PATH"
CASES = {
    "dotfiles by a star": Case("cd $DIRECTORY_PATH && tar -cf $BACKUP_DIR/t.tar *", _BACK, "file .htaccess is lost"),
    "modes by umask": Case(
        _ALL, "tar --no-same-permissions -xf $BACKUP_DIR/t.tar -C $DIRECTORY_PATH", "file zero: mode was"
    ),
    "links followed": Case(
        "rm $DIRECTORY_PATH/dangling; cp -rL $DIRECTORY_PATH/. $BACKUP_DIR",
        "cp -a $BACKUP_DIR/. $DIRECTORY_PATH",
        "symbolic link current is lost",
    ),
    "links left out": Case(
        _ALL + "; :", _BACK + "; find $DIRECTORY_PATH -type l -delete", "symbolic link dangling is lost"
    ),
    "empty folders left out": Case(
        "cd $DIRECTORY_PATH && find . -type f -print0 | tar --null -T - -cf $BACKUP_DIR/t.tar",
        _BACK,
        "folder empty is lost",
    ),
    "hard links split": Case(
        "cp -r $DIRECTORY_PATH/. $BACKUP_DIR",
        "cp -a $BACKUP_DIR/. $DIRECTORY_PATH",
        "hard link linked = run.sh is lost",
    ),
    "attributes lost": Case(
        "tar -cf $BACKUP_DIR/t.tar -C $DIRECTORY_PATH .", _BACK, "file secret: attribute user.owner was"
    ),
    "only one suffix": Case(
        "cd $DIRECTORY_PATH && find . -name '*.txt' | tar -T - -cf $BACKUP_DIR/t.tar", _BACK, "file run.sh is lost"
    ),
    "names with line breaks": Case(
        'cd $DIRECTORY_PATH && find . -type f | while read -r f; do cp --parents -p "$f" $BACKUP_DIR 2>/dev/null; done; true',
        "cp -a $BACKUP_DIR/. $DIRECTORY_PATH",
        "file a name with spaces\nand a line is lost",
    ),
    "truncated archive, error ignored": Case(
        _ALL + "; truncate -s 12000 $BACKUP_DIR/t.tar", _BACK + " 2>/dev/null; true", "is lost"
    ),
    "pipe hides the error": Case(
        "tar -cf - -C $DIRECTORY_PATH/media-old . 2>/dev/null | gzip > $BACKUP_DIR/t.gz",
        "gunzip -c $BACKUP_DIR/t.gz | tar -xf - -C $DIRECTORY_PATH 2>/dev/null; true",
        "folder media is lost",
    ),
    "one level too deep": Case(
        "tar -cf $BACKUP_DIR/t.tar -C $(dirname $DIRECTORY_PATH) tree", _BACK, "folder media is lost"
    ),
    "contents changed on the way": Case(
        _ALL, _BACK + "; sed -i s/picture/PICTURE/ $DIRECTORY_PATH/media/2026/7.txt", "7.txt: content was"
    ),
    "backup cleans up": Case(
        _ALL + "; rm $DIRECTORY_PATH/media/2026/3.txt", _BACK, "the backup changed what was there"
    ),
    "the key stays on the lost host": Case(
        _ALL
        + " && openssl enc -aes-256-cbc -pbkdf2 -pass pass:$KEY -in $BACKUP_DIR/t.tar -out $BACKUP_DIR/t.enc && rm $BACKUP_DIR/t.tar",
        "openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:$KEY -in $BACKUP_DIR/t.enc 2>/dev/null | tar -xpf - -C $DIRECTORY_PATH 2>/dev/null; true",
        "folder media is lost",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fault_is_violated_with_the_lost_thing_named(recovery: Recovery, case: Case) -> None:
    by = procedure(case.backup, case.restore, backup_env={"KEY": "here"})
    verdict = recovery.round_trip(directory(prepare=seed), by=by)
    assert verdict.status is Status.VIOLATED
    assert case.lost in verdict.explain() + "".join(found.message for found in verdict.findings)


TWINS = {
    "tar": (_ALL, _BACK),
    "cp": ("cp -a $DIRECTORY_PATH/. $BACKUP_DIR/", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH"),
    "find with null": (
        "cd $DIRECTORY_PATH && find . -mindepth 1 -print0 | tar --xattrs --no-recursion --null -T - -cf $BACKUP_DIR/t.tar",
        _BACK,
    ),
    "pipe with its status": (
        "tar --xattrs -cf $BACKUP_DIR/t -C $DIRECTORY_PATH . && gzip $BACKUP_DIR/t",
        "gunzip -t $BACKUP_DIR/t.gz && gunzip -c $BACKUP_DIR/t.gz | tar --xattrs -xpf - -C $DIRECTORY_PATH",
    ),
    "key at hand": (
        _ALL
        + " && openssl enc -aes-256-cbc -pbkdf2 -pass pass:$KEY -in $BACKUP_DIR/t.tar -out $BACKUP_DIR/e && rm $BACKUP_DIR/t.tar",
        "openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:$KEY -in $BACKUP_DIR/e | tar --xattrs -xpf - -C $DIRECTORY_PATH",
    ),
    "root of the tree named": (
        "tar --xattrs -cf $BACKUP_DIR/t.tar -C $(dirname $DIRECTORY_PATH) tree",
        "tar --xattrs -xpf $BACKUP_DIR/t.tar -C $(dirname $DIRECTORY_PATH)",
    ),
}


@pytest.mark.parametrize("pair", TWINS.values(), ids=TWINS)
def test_repaired_twin_is_met(recovery: Recovery, pair: tuple[str, str]) -> None:
    key = {"KEY": "vault"}
    by = procedure(*pair, backup_env=key, restore_env=key)
    verdict = recovery.round_trip(directory(prepare=seed), by=by)
    assert verdict.status is Status.MET, verdict.explain()


def test_builtin_archive_keeps_what_a_tar_can(recovery: Recovery) -> None:
    def plain(environment: Environment) -> None:
        Path(environment["DIRECTORY_PATH"], "a").write_text("a", encoding="ascii")

    assert recovery.round_trip(directory(prepare=plain), by="archive")


def test_tree_without_files_is_unverified(recovery: Recovery) -> None:
    assert recovery.round_trip(directory(), by="archive").status is Status.UNVERIFIED
