"""How a machine of the farm reaches Redis and Postgres: one file of mode 600, of the same form on
the control plane and on a rig.

Passwords stand in that file and in libpq's, next to it; everything else (`dagster.yaml`, what
Dagster sends through the queue, command lines) names the files. With them in one folder lies the
`dagster.yaml` of that machine, made from `deploy/dagster.farm.yaml`.
"""

import dataclasses
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from bench_pipeline.errors import BenchError
from bench_pipeline.records.yaml.files import write_atomically

FILE = "access.json"
AUTHORITY = "authority.pem"
PASSWORDS = "pgpass"
DATABASE = "dagster"
CONTROL, RIG = "control", "rig"
"""Who logs in, to Redis and to Postgres."""
TEMPLATE = Path(__file__).parent.parent / "deploy" / "dagster.farm.yaml"
_LINE = "# ---- on the control plane alone ----"


@dataclass(frozen=True)
class Access:
    user: str
    host: str
    """Name or address under which the control plane is reached; its certificate says it too."""
    redis_port: int
    postgres_port: int
    redis_password: str = dataclasses.field(repr=False)
    postgres_password: str = dataclasses.field(repr=False)
    authority: str = dataclasses.field(repr=False)
    """PEM: who signs the certificates of both services."""

    def broker_url(self, database: int) -> str:
        """Never to be logged, nor handed to another process."""
        login = f"{self.user}:{quote(self.redis_password, safe='')}"
        return f"rediss://{login}@{_in_url(self.host)}:{self.redis_port}/{database}"

    def postgres_url(self, home: Path) -> str:
        """Without the password, which libpq takes from its file in `home`."""
        place = f"{self.user}@{_in_url(self.host)}:{self.postgres_port}/{DATABASE}"
        # SQLAlchemy 2.1 takes `postgresql://` for psycopg 3
        return f"postgresql+psycopg2://{place}?{urlencode(_libpq(home))}"

    def postgres_connection(self, home: Path, database: str = DATABASE) -> dict[str, object]:
        """The same for psycopg2 itself."""
        place = {"user": self.user, "host": self.host, "port": self.postgres_port}
        return {**place, "dbname": database, **_libpq(home)}

    def write(self, home: Path) -> None:
        """The three files of a home."""
        write_private(home / FILE, self.to_json())
        write_private(home / AUTHORITY, self.authority)
        # `*` for the database: the services look at `postgres` before there is another
        login = f"{self.user}:{self.postgres_password}"
        write_private(home / PASSWORDS, f"*:{self.postgres_port}:*:{login}\n")

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def read_access(path: Path) -> Access:
    """BenchError if it cannot be read, is another file, or others than its owner can read it."""
    try:
        others = path.stat().st_mode & 0o077
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(
            f"cannot be read: {getattr(error, 'strerror', None) or error}",
            mend="name the file that `make farm-control` wrote, as you carried it here",
            where=path,
        ) from None
    if others:
        raise BenchError(
            "passwords are in it, and others than its owner can read it",
            mend=f"chmod 600 {path}",
            where=path,
        )
    try:
        access = Access(**json.loads(text))
        if not all(type(getattr(access, f.name)) is f.type for f in dataclasses.fields(Access)):
            raise TypeError
        return access
    except (ValueError, TypeError):
        raise BenchError(
            "it is no file to join a farm with",
            mend="carry the one here again that `make farm-control` wrote",
            where=path,
        ) from None


def write_private(path: Path, text: str) -> None:
    """For its owner alone, from the first moment on. As `write_atomically`."""
    write_atomically(path, text, mode=0o600)


def write_home(home: Path, access: Access) -> None:
    """Anew at each start: what it says follows from the access file alone."""
    if '"' in str(home):
        raise BenchError("its name has a quotation mark", mend="move the checkout", where=home)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    access.write(home)
    text, of_control = TEMPLATE.read_text().split(_LINE)
    is_control = access.user == CONTROL
    for name, value in {
        '"$POSTGRES_URL"': json.dumps(access.postgres_url(home)),
        '"$HOME_FOLDER"': json.dumps(str(home)),
        "$MAKES_TABLES": str(is_control).lower(),
    }.items():
        text, of_control = text.replace(name, value), of_control.replace(name, value)
    write_private(home / "dagster.yaml", text + (of_control if is_control else ""))


def _libpq(home: Path) -> dict[str, object]:
    return {
        "sslmode": "verify-full",
        "sslrootcert": str(home / AUTHORITY),
        "passfile": str(home / PASSWORDS),
        "connect_timeout": 10,
        # a connection whose other end is gone without a word is given up in a minute
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }


def tls_of_redis(home: Path) -> dict[str, object]:
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": str(home / AUTHORITY)}


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
