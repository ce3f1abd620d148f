"""A real PostgreSQL server for the tests, from Debian's package: started once, a fresh database each time."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

USER = "tests"
# What is lost when the machine dies does not matter here.
OPTIONS = "-c listen_addresses='' -c fsync=off -c full_page_writes=off -c max_connections=200"


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; Debian keeps them off the path."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    return folders[-1] if folders else None


def reason_to_skip() -> str | None:
    if programs() is None:
        return "PostgreSQL is not installed (bin/setup.sh --dev installs it on Debian)"
    if os.geteuid() == 0 and _unprivileged() is None:
        return "PostgreSQL does not run as root, and there is no user postgres to run it as"
    return None


@contextmanager
def server() -> Iterator[str]:
    """The folder of the server's socket."""
    bin_folder = programs()
    assert bin_folder is not None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # not below pytest's: that is closed to other users
    user = _unprivileged() if os.geteuid() == 0 else None
    if user is not None:
        shutil.chown(folder, user)

    def run(program: str, *arguments: str) -> None:
        command = [str(bin_folder / program), "-D", str(folder / "data"), *arguments]
        with (folder.parent / f"{folder.name}.log").open("wb") as log:
            done = subprocess.run(command, stdout=log, stderr=log, user=user, cwd="/", check=False)
        assert done.returncode == 0, Path(log.name).read_text()
        os.unlink(log.name)

    run("initdb", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    run("pg_ctl", "start", "-w", "-l", str(folder / "server.log"), "-o", f"{OPTIONS} -k {folder}")
    try:
        yield str(folder)
    finally:
        run("pg_ctl", "stop", "-m", "immediate")
        shutil.rmtree(folder, ignore_errors=True)


def restart(folder: str) -> None:
    """As after a crash: every connection breaks, and for a moment there is no server."""
    bin_folder = programs()
    assert bin_folder is not None
    user = _unprivileged() if os.geteuid() == 0 else None
    command = [str(bin_folder / "pg_ctl"), "-D", f"{folder}/data", "restart", "-w", "-m", "immediate"]
    command += ["-l", f"{folder}/server.log"]
    subprocess.run(command, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL)


async def fresh_database(socket_folder: str) -> str:
    """The URL of a new, empty database."""
    import asyncpg

    name = f"t{uuid4().hex}"
    connection = await asyncpg.connect(host=socket_folder, user=USER, database="postgres")
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return f"postgresql://{USER}@/{name}?host={socket_folder}"


def _unprivileged() -> str | None:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None
