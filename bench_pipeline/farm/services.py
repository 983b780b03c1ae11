"""Redis and Postgres of a farm: set up once, started with the control plane, ended with it.

Both speak TLS alone and know two users. `control` may do everything. `rig` may use the queues and
read and write Dagster's rows, and neither change a table, a setting nor a user.
"""

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from bench_pipeline.errors import BenchError
from bench_pipeline.farm.access import CONTROL, DATABASE, RIG, Access, write_private

START_S = 60.0
GRACE_S = 20.0
_PR_SET_PDEATHSIG = 1


def write_redis_settings(
    folder: Path, control: Access, rig: Access, certificate: Path, key: Path, listen: list[str]
) -> Path:
    """A redis.conf: passwords in it as hashes, queues on disk."""
    rig_may = "+@all -@admin -@dangerous +info"  # Celery asks for the version
    lines = [
        f"bind {' '.join(listen)}",
        "port 0",
        f"tls-port {control.redis_port}",
        f'tls-cert-file "{certificate}"',
        f'tls-key-file "{key}"',
        "tls-auth-clients no",
        "protected-mode no",
        "user default off",
        f"user {CONTROL} on #{_sha256(control.redis_password)} ~* &* +@all",
        f"user {RIG} on #{_sha256(rig.redis_password)} ~* &* {rig_may}",
        f'dir "{folder}"',
        "appendonly yes",
        "appendfsync always",  # a run that was handed over is not lost with the power
        'save ""',
        "maxmemory-policy noeviction",
        "daemonize no",
    ]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "redis.conf"
    write_private(path, "\n".join(lines) + "\n")
    return path


def redis_command(settings: Path) -> list[str]:
    return [_program("redis-server", "redis-server"), str(settings)]


def postgres_command(folder: Path) -> list[str]:
    return [_program("postgres", "postgresql"), "-D", str(folder)]


def make_database(
    folder: Path, control: Access, certificate: str, key: str, listen: list[str]
) -> None:
    """A Postgres cluster in `folder`, with its settings; the rig's user is made by `admit_rigs`."""
    owner = owner_of_database()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(folder, owner)
    with tempfile.NamedTemporaryFile("w", prefix="bench_pipeline-") as file:
        file.write(control.postgres_password + "\n")
        file.flush()
        _give(Path(file.name), owner)
        command = [_program("initdb", "postgresql"), "-D", str(folder), "-U", CONTROL]
        command += ["-A", "scram-sha-256", f"--pwfile={file.name}", "-E", "UTF8", "--locale=C"]
        done = subprocess.run(
            command, cwd="/", capture_output=True, text=True, check=False, preexec_fn=_as(owner)
        )
    if done.returncode:
        raise BenchError(
            f"no database could be made: {(done.stderr or done.stdout).strip().splitlines()[-1]}",
            mend="mend that, then the same command again",
            where=folder,
        )
    for name, text in {
        "server.pem": certificate,
        "server.key": key,
        "pg_hba.conf": "".join(
            f"hostssl all {CONTROL},{RIG} {whole} scram-sha-256\n"
            for whole in ("0.0.0.0/0", "::/0")
        ),
        "postgresql.auto.conf": "\n".join(
            [
                f"listen_addresses = '{','.join(listen)}'",
                f"port = {control.postgres_port}",
                "unix_socket_directories = ''",
                "ssl = on",
                "ssl_cert_file = 'server.pem'",
                "ssl_key_file = 'server.key'",
                "password_encryption = 'scram-sha-256'",
                "max_connections = 400",  # each rig holds a few
                "log_statement = 'none'",
                "",
            ]
        ),
    }.items():
        write_private(folder / name, text)
        _give(folder / name, owner)


def admit_rigs(control: Access, rig: Access, home: Path) -> None:
    """The database, and the user of the rigs, who may use the tables that Dagster made. Asked
    again, nothing changes."""
    import psycopg2
    from psycopg2 import sql

    def ask(database: str, *questions: sql.Composable | str) -> None:
        connection = psycopg2.connect(**control.postgres_connection(home, database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for question in questions:
                    with suppress(
                        psycopg2.errors.DuplicateObject, psycopg2.errors.DuplicateDatabase
                    ):
                        cursor.execute(question)
        finally:
            connection.close()

    name = sql.Identifier(RIG)
    ask(
        "postgres",
        sql.SQL("create database {}").format(sql.Identifier(DATABASE)),
        sql.SQL("create role {} login").format(name),
        sql.SQL("alter role {} password {}").format(
            name, sql.Literal(_scram(rig.postgres_password))
        ),
    )
    rows = "select, insert, update, delete on tables"
    ask(
        DATABASE,
        "revoke create on schema public from public",
        sql.SQL(f"alter default privileges in schema public grant {rows} to {{}}").format(name),
        sql.SQL(
            "alter default privileges in schema public grant usage, select on sequences to {}"
        ).format(name),
    )


class Service:
    """A process of the control plane's. Asked to end, and then made to, when the block ends; if
    this process is killed, the kernel asks it. What it says is in `log`."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        owner: pwd.struct_passwd | None = None,
        folder: Path = Path("/"),
    ) -> None:
        self.log = log
        self._command, self._owner, self._folder = command, owner, folder
        self.process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)  # Postgres: at once, whoever is connected
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def revive(self) -> str | None:
        """Starts it again if it ended by itself; then a line that says so."""
        status = self.process.poll()
        if status is None:
            return None
        self.process = self._start()
        return f"{Path(self._command[0]).name} ended ({status}) and was started again: {self.log}"

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as out:
            self.log.chmod(0o600)
            return subprocess.Popen(
                self._command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                preexec_fn=_as(self._owner),
                start_new_session=True,  # Ctrl-C is for us: they end last
            )


def wait_for(answers: Callable[[], object], service: Service) -> None:
    """Until it answers. BenchError with its last words if it ends, or never does."""
    deadline, last = time.monotonic() + START_S, "it never answered"
    while service.process.poll() is None and time.monotonic() < deadline:
        try:
            answers()
            return
        except Exception as error:  # of two libraries, while a server starts
            last = str(error).strip().splitlines()[-1] if str(error).strip() else repr(error)
        time.sleep(0.1)
    words = service.log.read_text(errors="replace").strip().splitlines()
    if service.process.poll() is not None and words:
        last = words[-1]
    raise BenchError(
        f"it does not answer: {last}",
        mend="mend what its log says, then the same command again",
        where=service.log,
    )


def owner_of_database() -> pwd.struct_passwd | None:
    """Postgres refuses to run as root: then the user of Debian's package, else nobody; None: we
    ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise BenchError(
        "Postgres does not run as root, and there is no user `postgres`",
        mend="run this as another user, or make that one (adduser --system postgres)",
        where="make farm-control",
    )


def _as(owner: pwd.struct_passwd | None) -> Callable[[], None]:
    """For a child between fork and exec: another user where one is given, and an end with us."""
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def become() -> None:
        if owner is not None:
            os.setgroups([])
            os.setgid(owner.pw_gid)
            os.setuid(owner.pw_uid)
        if prctl is not None:  # after the change of user, which forgets it
            prctl(_PR_SET_PDEATHSIG, signal.SIGINT)

    return become


def _give(path: Path, owner: pwd.struct_passwd | None) -> None:
    if owner is not None:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _program(name: str, package: str) -> str:
    """BenchError if it is not there. Debian keeps Postgres's own out of the PATH."""
    if found := shutil.which(name):
        return found
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if installed:
        return str(installed[-1])
    raise BenchError(
        f"`{name}` is not there",
        mend=f"install it (Debian, Ubuntu: sudo apt-get install {package})",
        where="make farm-control",
    )


def _sha256(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _scram(password: str) -> str:
    """What Postgres keeps of a password, made here: the password itself is never in a statement,
    which a log may keep (RFC 5802)."""
    import base64
    import hmac
    import secrets

    salt, rounds = secrets.token_bytes(16), 4096
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client).digest()
    words = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${rounds}:{words[0]}${words[1]}:{words[2]}"
