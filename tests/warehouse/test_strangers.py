"""A stranger's run is there, marked, behind every other, until the owner says that it is known."""

from pathlib import Path

from bench_pipeline.senders.sending import send
from bench_pipeline.senders.signatures import public_key, read_key
from bench_pipeline.warehouse.refresh import refresh
from tests.senders.keys import new_key
from tests.session_factories import NOON
from tests.warehouse.test_ingest import contents

STRANGERS = "select run_id from measurements where list_contains(flags, 'stranger') order by 1"
SHOWN = "select distinct run_id from workload_speeds"


def test_it_stands_behind_until_its_sender_is_known(project, put, small, rows):
    own = small(started_at=NOON.replace(hour=1))
    put(own)
    sent = small(started_at=NOON, seed=3, decode_tok_s=400)
    send(put(sent), "anna", None)
    refresh(project)
    assert rows(STRANGERS) == [(sent.run_id,)]
    assert rows(SHOWN) == [(own.run_id,)]
    ((said,),) = rows(f"select unknown from runs where run_id = '{sent.run_id}'")
    assert said[-1].startswith("Not known who measured: anna sent it")
    rig = project.rigs / f"{own.rig}.yaml"
    before = rig.read_text()
    project.site_facts.write_text("known_senders: [anna]\n")
    rig.write_text(f"{before}owner: anna\n")
    refresh(project)
    assert rows(STRANGERS) == [(own.run_id,)]  # now it is this one that nobody sent
    assert rows(SHOWN) == [(sent.run_id,)]
    made = contents(project)
    project.warehouse.unlink()
    refresh(project)
    assert contents(project) == made


def test_a_rig_with_a_key_vouches_for_signed_runs_alone(project, put, small, rows, tmp_path: Path):
    key = read_key(new_key(tmp_path))
    path, other = (put(small(seed=seed, started_at=NOON.replace(hour=seed))) for seed in (1, 2))
    rig = project.rigs / f"{path.parent.parent.name}.yaml"
    rig.write_text(f"{rig.read_text()}public_key: {public_key(key)}\n")
    send(path, None, key)
    refresh(project)
    assert rows(STRANGERS) == [(other.stem.rpartition("-")[2],)]
    send(other, None, read_key(new_key(tmp_path, "another")))
    refresh(project)
    assert rows(STRANGERS) == [(other.stem.rpartition("-")[2],)]
    send(other, None, key)
    refresh(project)
    assert rows(STRANGERS) == []
    other.write_bytes(other.read_bytes().replace(b"signature: ssh", b"signature: sshh"))
    (rejected,) = refresh(project).rejected
    assert "not that key's signature" in rejected.problem
