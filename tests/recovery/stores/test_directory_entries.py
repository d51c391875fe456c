"""Every kind of entry that a tree can hold: lost it is violated with its name, kept it is met."""

from __future__ import annotations

import os
import socket
import stat
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_devsecops.core.findings import Status
from pytest_devsecops.recovery import directory, procedure
from pytest_devsecops.recovery.family import Recovery
from pytest_devsecops.recovery.model import Environment, RecoveryError
from pytest_devsecops.recovery.stores.trees import copy_tree

pytestmark = [pytest.mark.slow, pytest.mark.tools(rsync="rsync", chattr="e2fsprogs")]

_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not _ROOT, reason="only root may give files to others and make devices")
#: user::rw-, user:1000:r--, group::r--, mask::r--, other::--- as the kernel keeps it (acl(5), posix_acl_xattr.h).
_ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, permissions, who)
    for tag, permissions, who in (
        (1, 6, 0xFFFFFFFF),
        (2, 4, 1000),
        (4, 4, 0xFFFFFFFF),
        (16, 4, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    )
)
_LONG = "l" * 255
_ODD = b"caf\xe9 \xff"


def seed(environment: Environment) -> None:
    top = Path(environment["DIRECTORY_PATH"])
    top.chmod(0o750)
    (top / "data").mkdir()
    (top / "data" / _LONG).write_text("a long name", encoding="ascii")
    (top / "data" / "Photo.JPG").write_text("one", encoding="ascii")
    (top / "data" / "photo.jpg").write_text("another", encoding="ascii")
    (top / os.fsdecode(_ODD)).write_text("bytes in the name", encoding="ascii")
    (top / "-rf").write_text("a dash", encoding="ascii")
    (top / "big").write_bytes(os.urandom(3 << 20))
    os.truncate(top / "big", 64 << 20)
    os.mkfifo(top / "queue", 0o620)
    (top / "locked").mkdir()
    (top / "locked" / "inside").write_text("kept", encoding="ascii")
    os.setxattr(top / "locked", "user.folder", b"yes")
    # Neither tar nor rsync fills a folder that is closed to the user who runs them.
    (top / "locked").chmod(0o555 if _ROOT else 0o750)
    (top / "absolute").symlink_to(top / "data")
    (top / "relative").symlink_to("data/photo.jpg")
    (top / "first").write_text("one file, two names", encoding="ascii")
    (top / "data" / "second").hardlink_to(top / "first")
    (top / "sticky").mkdir()
    (top / "sticky").chmod(0o1777)
    (top / "setgid").write_text("x", encoding="ascii")
    (top / "setgid").chmod(0o2755)
    os.setxattr(top / "first", "user.checksum", b"\x00\x01")
    if _ROOT:
        (top / "shared").write_text("for one more", encoding="ascii")
        os.setxattr(top / "shared", "system.posix_acl_access", _ACL)
        (top / "theirs").write_text("theirs", encoding="ascii")
        os.chown(top / "theirs", 1234, 5678)
    # A program that runs keeps a socket there; it is no data.
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(top / "s"))
    listener.close()


_SAVE = "tar --xattrs --xattrs-include='*' --numeric-owner -cf $BACKUP_DIR/t -C $DIRECTORY_PATH . 2>&1"
_LOAD = "tar --xattrs --xattrs-include='*' --numeric-owner -xpf $BACKUP_DIR/t -C $DIRECTORY_PATH"


@dataclass(frozen=True)
class Fault:
    """A backup and a restore, and a part of the message."""

    backup: str
    restore: str
    lost: str


#: The absolute link leads to its own tree, wherever that is; tar alone would let it lead into the lost one.
_RELINK = "; ln -sfn $DIRECTORY_PATH/data $DIRECTORY_PATH/absolute"
FAULTS = {
    "link leads into the lost source": Fault(_SAVE, _LOAD, "symbolic link absolute: leads to was '$DIRECTORY_PATH/data' and came back as '/"),
    "long name": Fault(
        "cd $DIRECTORY_PATH && find . -type f -print0 | grep -zv llllll | tar --null -T - -cf $BACKUP_DIR/t", _LOAD, f"data/{_LONG} is lost"
    ),
    "names that differ in case alone": Fault(
        _SAVE, _LOAD + "; rm $DIRECTORY_PATH/data/photo.jpg", "file data/photo.jpg is lost"
    ),
    "name that is no UTF-8": Fault(
        _SAVE, _LOAD + '; cd $DIRECTORY_PATH; for f in caf*; do mv "$f" cafe; done', "file caf\\xe9 \\xff is lost"
    ),
    "name that looks like an option": Fault(
        "cd $DIRECTORY_PATH && tar -cf $BACKUP_DIR/t $(ls -A | grep -v ^-) 2>/dev/null", _LOAD, "file -rf is lost"
    ),
    "end of a big file": Fault(
        _SAVE, _LOAD + "; truncate -s 63M $DIRECTORY_PATH/big", "file big: size was '67108864' and came back as '66060288'"
    ),
    "pipe": Fault(
        "cd $DIRECTORY_PATH && find . ! -type p ! -path . -print0 | tar --no-recursion --null -T - -cf $BACKUP_DIR/t 2>&1", _LOAD, "special file queue is lost"
    ),
    "what a closed folder holds": Fault(
        "tar -cf $BACKUP_DIR/t --exclude=inside -C $DIRECTORY_PATH . 2>&1", _LOAD, "file locked/inside is lost"
    ),
    "link becomes a copy": Fault(
        "cp -rp --no-preserve=links $DIRECTORY_PATH/. $BACKUP_DIR", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH", "hard link first = data/second is lost"
    ),
    "farm of links into the source": Fault(
        "cp -as $DIRECTORY_PATH/data $BACKUP_DIR/", "cp -a $BACKUP_DIR/. $DIRECTORY_PATH", "file data/photo.jpg is lost"
    ),
    "sticky bit": Fault(_SAVE, _LOAD + "; chmod 0777 $DIRECTORY_PATH/sticky", "folder sticky: mode was '1777' and came back as '0777'"),
    "set-group-id bit": Fault(_SAVE, _LOAD + "; chmod g-s $DIRECTORY_PATH/setgid", "file setgid: mode was '2755'"),
    "mode of the top folder": Fault(_SAVE, _LOAD + "; chmod 755 $DIRECTORY_PATH", "folder .: mode was '0750' and came back as '0755'"),
    "attribute of a file": Fault(
        "rsync -aHA $DIRECTORY_PATH/ $BACKUP_DIR", "rsync -aHA $BACKUP_DIR/ $DIRECTORY_PATH", "file first: attribute user.checksum was '0001'"
    ),
    "attribute of a folder": Fault(
        _SAVE, _LOAD + "; python3 -c \"import os; os.removexattr(os.environ['DIRECTORY_PATH'] + '/locked', 'user.folder')\"",
        "folder locked: attribute user.folder was",
    ),
}  # fmt: skip
FAULTS_AS_ROOT = {
    "access control list": Fault(
        "rsync -aHX $DIRECTORY_PATH/ $BACKUP_DIR", "rsync -aHX $BACKUP_DIR/ $DIRECTORY_PATH", "file shared: attribute system.posix_acl_access was"
    ),
    "owner": Fault(_SAVE, _LOAD + " --no-same-owner", "file theirs: owner was '1234:5678' and came back as '0:0'"),
    "group": Fault(_SAVE, _LOAD + "; chgrp 0 $DIRECTORY_PATH/theirs", "file theirs: owner was '1234:5678' and came back as '1234:0'"),
}  # fmt: skip


def violated(recovery: Recovery, fault: Fault) -> None:
    verdict = recovery.round_trip(directory(prepare=seed), by=procedure(fault.backup, fault.restore))
    assert verdict.status is Status.VIOLATED
    assert fault.lost in "\n".join(found.message for found in verdict.findings)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_lost_entry_is_violated_with_its_name(recovery: Recovery, fault: Fault) -> None:
    violated(recovery, fault)


@as_root
@pytest.mark.parametrize("fault", FAULTS_AS_ROOT.values(), ids=FAULTS_AS_ROOT)
def test_what_only_root_can_give_is_compared(recovery: Recovery, fault: Fault) -> None:
    violated(recovery, fault)


GOOD = {
    "tar": (_SAVE, _LOAD + _RELINK),
    "tar that keeps holes": (_SAVE.replace("tar ", "tar --sparse "), _LOAD + _RELINK),
    "tar without times": (_SAVE, _LOAD.replace("-xpf", "-m -xpf") + _RELINK),
    "cp": ("cp -a $DIRECTORY_PATH $BACKUP_DIR/tree", "cp -a $BACKUP_DIR/tree/. $DIRECTORY_PATH" + _RELINK),
    "rsync": (
        "rsync -aHAXS $DIRECTORY_PATH/ $BACKUP_DIR/tree",
        "rsync -aHAX $BACKUP_DIR/tree/ $DIRECTORY_PATH" + _RELINK,
    ),
    "compressed": (
        _SAVE + " && gzip $BACKUP_DIR/t",
        "gunzip $BACKUP_DIR/t.gz && " + _LOAD + _RELINK,
    ),
    "link kept by its text": (
        _SAVE + " && readlink $DIRECTORY_PATH/absolute | sed s,^$DIRECTORY_PATH/,, > $BACKUP_DIR/link",
        _LOAD + '; ln -sfn "$DIRECTORY_PATH/$(cat $BACKUP_DIR/link)" $DIRECTORY_PATH/absolute',
    ),
}


@pytest.mark.parametrize("pair", GOOD.values(), ids=GOOD)
def test_a_good_procedure_is_met(recovery: Recovery, pair: tuple[str, str]) -> None:
    verdict = recovery.round_trip(directory(prepare=seed), by=procedure(*pair))
    assert verdict.status is Status.MET, verdict.explain()


def test_times_count_where_somebody_asks(recovery: Recovery) -> None:
    def old(environment: Environment) -> None:
        place = Path(environment["DIRECTORY_PATH"], "old")
        place.write_text("x", encoding="ascii")
        os.utime(place, (1_000_000_000, 1_000_000_000.5))

    by = procedure("cp -r $DIRECTORY_PATH/. $BACKUP_DIR", "cp -r $BACKUP_DIR/. $DIRECTORY_PATH")
    assert recovery.round_trip(directory(prepare=old), by=by)
    verdict = recovery.round_trip(directory(prepare=old, times=True), by=by)
    assert "file old: modified was '1000000000'" in verdict.explain()
    assert recovery.round_trip(directory(prepare=old, times=True), by="archive")


@pytest.mark.skipif(_ROOT, reason="root can read everything")
def test_a_template_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "source" / "closed").mkdir(parents=True)
    (tmp_path / "source" / "closed").chmod(0)
    with pytest.raises(RecoveryError, match="cannot be read"):
        copy_tree(tmp_path / "source", tmp_path / "target")
    (tmp_path / "source" / "closed").chmod(0o700)


def test_a_copied_tree_is_one_of_its_own(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    seed({"DIRECTORY_PATH": str(source)})
    copy_tree(source, target)
    assert (target / "absolute").readlink() == target / "data"
    assert (target / "relative").readlink() == Path("data/photo.jpg")
    assert (target / "first").stat().st_ino == (target / "data" / "second").stat().st_ino
    assert (target / "first").stat().st_ino != (source / "first").stat().st_ino
    assert stat.S_ISFIFO((target / "queue").lstat().st_mode)
    assert not (target / "s").exists()
    assert (target / "first").stat().st_mtime == (source / "first").stat().st_mtime


@as_root
def test_nothing_stays_behind_of_files_that_cannot_be_changed(
    recovery: Recovery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The usual folder for temporary files may be in memory, where no file is immutable.
    monkeypatch.setattr(tempfile, "tempdir", "/var/tmp")  # noqa: S108 - a folder of its own is made in it

    def unchangeable(environment: Environment) -> None:
        place = Path(environment["DIRECTORY_PATH"], "contract")
        place.write_text("signed", encoding="ascii")
        if subprocess.run(["chattr", "+i", str(place)], check=False, capture_output=True).returncode:
            pytest.skip("this file system knows no immutable files")
        (tmp_path / "where").write_text(str(place), encoding="ascii")

    assert recovery.round_trip(directory(prepare=unchangeable), by="archive")
    recovery.close()
    assert not Path((tmp_path / "where").read_text(encoding="ascii")).exists()
