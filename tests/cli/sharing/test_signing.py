"""`python -m bench_pipeline sign`: what it writes and what it tells."""

from bench_pipeline.cli.commands import main
from bench_pipeline.records.yaml.files import read_run, write_run
from tests.factories import measured_run
from tests.senders.keys import new_key


def test_files_are_signed_and_one_that_is_none_is_left_and_named(tmp_path, capsys):
    path = write_run(measured_run(workloads=["chat"], concurrencies=[1]), tmp_path)
    broken = tmp_path / "broken.yaml"
    broken.write_text("not: a run\n")
    key = new_key(tmp_path)
    assert main(["sign", str(path), str(broken), "--as", "anna", "--key", str(key)]) == 1
    told = capsys.readouterr()
    assert f"{path}: sent by anna, signed" in told.out
    assert "public_key: ssh-ed25519 " in told.out
    assert "left as it was" in told.err and "broken.yaml" in told.err
    assert read_run(path).submitted_by == "anna"


def test_a_name_that_no_page_can_show_is_refused(tmp_path, capsys):
    path = write_run(measured_run(workloads=["chat"], concurrencies=[1]), tmp_path)
    before = path.read_bytes()
    assert main(["sign", str(path), "--as", "<b>anna"]) == 1
    assert "submitted_by" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert main(["sign", str(path)]) != 0
    assert "--as NAME" in capsys.readouterr().err
