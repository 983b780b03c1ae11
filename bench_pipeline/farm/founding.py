"""A farm's passwords and certificates: made the first time, read ever after."""

import hashlib
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

from bench_pipeline.errors import BenchError
from bench_pipeline.farm.access import (
    CONTROL,
    RIG,
    Access,
    read_access,
    write_home,
    write_private,
)
from bench_pipeline.farm.certificates import make_certificates, names_in
from bench_pipeline.farm.services import make_database, owner_of_database, write_redis_settings
from bench_pipeline.paths import Project

LOOPBACK = "127.0.0.1"
DATA_VARIABLE = "BENCH_PIPELINE_FARM_DATA"
"""Another folder for Postgres's files: on another disk, or one that its user may enter."""


@dataclass(frozen=True)
class Farm:
    """As it lies on the control plane. `control` reaches it from here, `rig` from anywhere."""

    folder: Path
    database: Path
    control: Access
    rig: Access

    @property
    def home(self) -> Path:
        return self.folder / "control"

    @property
    def join_file(self) -> Path:
        """What is carried to each rig."""
        return self.folder / "join.json"

    @property
    def redis_settings(self) -> Path:
        return self.folder / "redis" / "redis.conf"


def found_farm(project: Project, host: str, redis_port: int, postgres_port: int) -> Farm:
    """The farm of this checkout, made if there is none. `host`: the name or address under which
    rigs reach this machine. BenchError if there is one with another name or other ports."""
    folder = project.farm
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    join, certificate_file = folder / "join.json", folder / "server.pem"
    if join.exists():
        rig = read_access(join)
        control = read_access(folder / "control.json")
        wanted = (host, redis_port, postgres_port)
        if (rig.host, rig.redis_port, rig.postgres_port) != wanted or (
            host not in names_in(certificate_file.read_text())
        ):
            raise BenchError(
                f"this farm is reached at {rig.host}, ports {rig.redis_port} and"
                f" {rig.postgres_port}; its rigs look there",
                mend=f"start it as that, or remove {folder} and carry a new join file to each rig",
                where=join,
            )
    else:
        names = sorted({LOOPBACK, "localhost", host})
        made = make_certificates(names)
        for name, text in ("server.pem", made.certificate), ("server.key", made.key):
            write_private(folder / name, text)
        control = Access(
            CONTROL, LOOPBACK, redis_port, postgres_port, *_passwords(), made.authority
        )
        redis_password, postgres_password = _passwords()
        rig = replace(
            control,
            user=RIG,
            host=host,
            redis_password=redis_password,
            postgres_password=postgres_password,
        )
        write_private(folder / "control.json", control.to_json())
        write_private(join, rig.to_json())
    farm = Farm(folder, _database_folder(folder), control, rig)
    write_home(farm.home, control)
    listen = sorted({LOOPBACK, host}) if host in (LOOPBACK, "localhost") else ["0.0.0.0", "::"]
    listen = [LOOPBACK if name == "localhost" else name for name in listen]
    certificate, key = certificate_file, folder / "server.key"
    write_redis_settings(
        farm.redis_settings.parent, control, rig, certificate, key, _for_redis(listen)
    )
    if not (farm.database / "PG_VERSION").exists():
        make_database(
            farm.database, control, certificate.read_text(), key.read_text(), _for_postgres(listen)
        )
    return farm


def _for_redis(listen: list[str]) -> list[str]:
    """`-`: an address that this machine has not is passed over."""
    return ["*", "-::*"] if "0.0.0.0" in listen else listen


def _for_postgres(listen: list[str]) -> list[str]:
    return ["*"] if "0.0.0.0" in listen else listen


def _passwords() -> tuple[str, str]:
    return secrets.token_urlsafe(24), secrets.token_urlsafe(24)


def _database_folder(folder: Path) -> Path:
    if chosen := os.environ.get(DATA_VARIABLE):
        return Path(chosen)
    if owner_of_database() is None:
        return folder / "postgres"
    # another user's, who may not enter ours
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    return Path("/var/lib/bench_pipeline") / f"farm-{name}"
