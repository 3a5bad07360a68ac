"""A PostgreSQL server of a test's own: in a temporary folder, on a Unix socket alone, gone when the test is."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
PATIENCE_S = 300


def program(name: str) -> str | None:
    """Where a program of PostgreSQL is."""
    found = shutil.which(name)
    for pattern in FOLDERS:
        for path in sorted(Path("/").glob(f"{pattern[1:]}/{name}")):
            found = found or str(path)
    return found


def _unprivileged() -> dict[str, Any]:
    """Who runs the server: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


@contextmanager
def running_postgres() -> Iterator[str]:
    """The address of a running server; the test is skipped where PostgreSQL is not installed."""
    names = ("initdb", "pg_ctl", "postgres")
    programs = {name: program(name) for name in names}
    missing = [name for name in names if programs[name] is None]
    if missing:
        pytest.skip(f"PostgreSQL is not installed: {', '.join(missing)} cannot be found (Debian: postgresql)")
    owner = _unprivileged()
    # A socket's path has to be short, and the server's user has to get there: pytest's folders are neither.
    folder = Path(tempfile.mkdtemp(prefix="proofbook-postgres-"))
    try:
        if owner:
            os.chown(folder, owner["user"], owner["group"])
        data = folder / "data"
        # The locale of the shortest way; a database that is thrown away needs no sync.
        start = ["--locale=C", "--encoding=UTF8", "--auth=trust", "--username=proofbook", "--no-sync"]
        _run([programs["initdb"], f"--pgdata={data}", *start], owner, folder)
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        pg_ctl = [programs["pg_ctl"], f"--pgdata={data}", f"--timeout={PATIENCE_S}"]
        _run([*pg_ctl, "start", "--wait", f"--log={folder}/log", f"--options={options}"], owner, folder)
        try:
            yield f"host={folder} user=proofbook dbname=postgres"
        finally:
            _run([*pg_ctl, "stop", "--mode=immediate"], owner, folder)
    finally:
        shutil.rmtree(folder)


def _run(command: list[Any], owner: dict[str, Any], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **owner)
    log = folder / "log"
    assert done.returncode == 0, done.stdout + (log.read_text() if log.exists() else "")
