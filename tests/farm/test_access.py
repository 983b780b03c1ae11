"""Who may read what: passwords stand in files of mode 600, and nowhere else."""

import shutil
import ssl
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from bench_pipeline.errors import BenchError
from bench_pipeline.farm.access import CONTROL, FILE, Access, read_access, write_home
from bench_pipeline.farm.certificates import make_certificates, names_in
from bench_pipeline.farm.services import write_redis_settings


@pytest.fixture
def control() -> Access:
    passwords = ("queue-hunter2", "table-hunter2")
    return Access(CONTROL, "127.0.0.1", 6390, 5490, *passwords, "an authority")


@pytest.fixture
def rig(control: Access) -> Access:
    return replace(control, user="rig", host="fd00::7", redis_password="its-own-hunter2")


def test_a_home_s_settings_name_no_secret(control: Access, rig: Access, tmp_path: Path) -> None:
    for access in (control, rig):
        home = tmp_path / access.user
        write_home(home, access)
        assert "hunter2" not in (home / "dagster.yaml").read_text()
        assert "hunter2" not in repr(access)
        for path in home.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_both_homes_are_of_one_template_and_a_rig_launches_nothing(
    control: Access, rig: Access, tmp_path: Path
) -> None:
    settings = {}
    for access in (control, rig):
        write_home(tmp_path / access.user, access)
        settings[access.user] = yaml.safe_load(
            (tmp_path / access.user / "dagster.yaml").read_text()
        )
    assert settings["rig"].keys() < settings["control"].keys()
    postgres = {who: each["storage"]["custom"]["config"] for who, each in settings.items()}
    assert "sslmode=verify-full" in postgres["rig"]["postgres_url"]
    assert "rig@[fd00::7]:5490/" in postgres["rig"]["postgres_url"]
    assert not postgres["rig"]["should_autocreate_tables"]
    assert postgres["control"]["should_autocreate_tables"]


def test_redis_keeps_hashes_and_speaks_no_plain_text(
    control: Access, rig: Access, tmp_path: Path
) -> None:
    files = (tmp_path / "pem", tmp_path / "key")
    text = write_redis_settings(tmp_path, control, rig, *files, ["127.0.0.1"]).read_text()
    assert "hunter2" not in text
    assert "port 0\n" in text
    assert "user default off\n" in text


def test_what_is_written_is_read_again(rig: Access, tmp_path: Path) -> None:
    rig.write(tmp_path)
    assert read_access(tmp_path / FILE) == rig


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"user": 1}', "\0"])
def test_another_file_is_no_join_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "join.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(BenchError, match="no file to join a farm with"):
        read_access(path)


def test_one_that_others_can_read_is_refused(rig: Access, tmp_path: Path) -> None:
    rig.write(tmp_path)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(BenchError, match="chmod 600"):
        read_access(tmp_path / FILE)


def test_the_certificate_is_the_authority_s_and_for_these_names(tmp_path: Path) -> None:
    made = make_certificates(["bench.example.org", "10.0.0.7", "fd00::7"])
    assert names_in(made.certificate) == {"bench.example.org", "10.0.0.7", "fd00::7"}
    ssl.create_default_context(cadata=made.authority)
    if openssl := shutil.which("openssl"):
        for name in ("authority", "certificate"):
            (tmp_path / name).write_text(getattr(made, name))
        verify = [openssl, "verify", "-x509_strict", "-CAfile", str(tmp_path / "authority")]
        done = subprocess.run([*verify, str(tmp_path / "certificate")], capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr
