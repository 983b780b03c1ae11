"""What a fetch leaves, whatever the network, the disk or an earlier try did."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from bench_pipeline.errors import ModelError
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.progress import Silent
from tests.full_disk import on_full_disk, ways
from tests.models.conftest import CONTENT, FILE, hub_part, left_in, model_of
from tests.models.hub import Hub, running_hub

WHOLE = ["tiny.gguf", "tiny.gguf.verified"]


def test_a_file_of_the_hub_lands_under_its_name(hub: Hub, tmp_path: Path) -> None:
    path = fetch_model(model_of(CONTENT), tmp_path)
    assert path == tmp_path / "models" / "tiny" / "tiny.gguf"
    assert path.read_bytes() == CONTENT
    assert left_in(tmp_path) == WHOLE
    assert [seen for seen, _ in hub.seen] == [FILE]


def test_a_fetched_file_is_not_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    fetch_model(model_of(CONTENT), tmp_path)
    fetch_model(model_of(CONTENT), tmp_path)
    assert len(hub.seen) == 1


def test_progress_is_told_in_bytes(hub: Hub, tmp_path: Path) -> None:
    class Counting(Silent):
        told = 0.0

        def step(self, what, total=None, unit=""):
            assert (total, unit) == (len(CONTENT), "bytes")
            return self

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            pass

        def advance(self, amount):
            self.told += amount

    reporter = Counting()
    hub.cuts = [2_000_000]
    fetch_model(model_of(CONTENT), tmp_path, reporter)
    assert reporter.told == len(CONTENT)


@pytest.mark.parametrize("etag", ['"first"', None])
def test_a_cut_connection_goes_on_where_it_stopped(
    hub: Hub, tmp_path: Path, etag: str | None
) -> None:
    hub.etag = etag
    hub.cuts = [1_500_000, 1_500_000]
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
    assert hub.asked_ranges == [None, "bytes=1500000-", "bytes=3000000-"]
    assert [headers.get("if-range") for _, headers in hub.seen] == [None, etag, etag]


def test_a_tag_that_cannot_be_sent_back_is_not(hub: Hub, tmp_path: Path) -> None:
    hub.etag, hub.cuts = '"m\xe4rz.gguf"', [1_500_000]
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
    assert [headers.get("if-range") for _, headers in hub.seen] == [None, None]


def test_a_piece_of_a_file_larger_than_any_is_not_taken(hub: Hub, tmp_path: Path) -> None:
    hub.cuts, hub.told_size = [1_500_000], "9" * 5000
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
    assert hub.asked_ranges == [None, "bytes=1500000-", None]


def test_a_connection_that_stays_cut_is_an_error_and_the_next_run_resumes(
    hub: Hub, tmp_path: Path
) -> None:
    hub.cuts = [1_200_000, 0, 0, 0, 0]
    with pytest.raises(ModelError, match="stopped at 1,200,000 bytes") as caught:
        fetch_model(model_of(CONTENT), tmp_path)
    assert "run it again: it resumes" in caught.value.mend
    assert str(caught.value.where).endswith(FILE)
    assert left_in(tmp_path) == ["tiny.gguf.part", "tiny.gguf.part.json"]
    hub.seen.clear()
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
    assert hub.asked_ranges == ["bytes=1200000-"]
    assert left_in(tmp_path) == WHOLE


def test_a_server_that_drips_is_given_up(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [100] * 50
    with pytest.raises(ModelError, match="stopped at 400 bytes"):
        fetch_model(model_of(CONTENT), tmp_path)


def test_a_server_without_ranges_starts_over(hub: Hub, tmp_path: Path) -> None:
    hub.ranges, hub.cuts = False, [3_000_000]
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
    assert hub.asked_ranges == [None, "bytes=3000000-"]


def test_a_server_without_sizes_is_fine(hub: Hub, tmp_path: Path) -> None:
    hub.sizes, hub.cuts = False, [3_000_000]
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT


def test_a_file_that_changed_meanwhile_is_not_spliced(hub: Hub, tmp_path: Path) -> None:
    changed = CONTENT[::-1]
    hub.cuts = [1_200_000, 0, 0, 0, 0]
    with pytest.raises(ModelError):
        fetch_model(model_of(changed), tmp_path)
    hub.files[FILE], hub.etag = changed, '"second"'
    assert fetch_model(model_of(changed), tmp_path).read_bytes() == changed


def test_a_file_that_became_shorter_is_begun_anew(hub: Hub, tmp_path: Path) -> None:
    hub.cuts, hub.etag = [4_000_000, 0, 0, 0, 0], None
    with pytest.raises(ModelError):
        fetch_model(model_of(CONTENT), tmp_path)
    hub.files[FILE] = b"short"
    with pytest.raises(ModelError, match=r"hold 5 bytes, the catalogue says 5,120,000"):
        fetch_model(model_of(CONTENT), tmp_path)


def test_a_passing_server_error_is_tried_again(hub: Hub, tmp_path: Path) -> None:
    hub.answers = [503, 429]
    assert fetch_model(model_of(CONTENT), tmp_path).exists()


@pytest.mark.parametrize(
    ("status", "problem", "mend"),
    [
        (404, "no such file on the server", "correct source, revision or file"),
        (401, "refuses the file", "HF_TOKEN"),
        (403, "refuses the file", "accept the model's terms"),
        (451, "answers 451", "name another source"),
        (503, "answers 503", "run it again"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: Hub, tmp_path: Path, status: int, problem: str, mend: str
) -> None:
    hub.answers = [status] * 10
    with pytest.raises(ModelError, match=problem) as caught:
        fetch_model(model_of(CONTENT), tmp_path)
    assert mend in caught.value.mend
    assert not (tmp_path / "models" / "tiny" / "tiny.gguf").exists()


def test_no_server_at_all_is_one_clear_error(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="stopped at 0 bytes"):
        fetch_model(model_of(CONTENT), tmp_path)


def test_the_token_goes_to_the_hub_and_no_further(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    with running_hub() as storage:
        storage.files, hub.redirect = hub.files, storage.base
        assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
        assert [headers.get("authorization") for _, headers in hub.seen] == ["Bearer secret"]
        assert [headers.get("authorization") for _, headers in storage.seen] == [None]
        plain = {"source": f"url:{storage.base}{FILE}"}
        fetch_model(model_of(CONTENT, plain, slug="plain"), tmp_path)
        assert storage.seen[-1][1].get("authorization") is None


def test_a_gated_file_comes_with_the_right_token(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "secret"
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert fetch_model(model_of(CONTENT), tmp_path).exists()


@pytest.mark.parametrize("base", ["ftp://127.0.0.1", "http://..", f"http://{'a' * 64}.example"])
def test_an_address_that_leads_nowhere_http_is_refused(hub: Hub, tmp_path: Path, base: str) -> None:
    hub.redirect = base
    with pytest.raises(ModelError, match="cannot be downloaded") as caught:
        fetch_model(model_of(CONTENT), tmp_path)
    assert "source" in caught.value.mend


def test_a_client_of_the_caller_stays_open(hub: Hub, tmp_path: Path) -> None:
    with httpx.Client() as client:
        fetch_model(model_of(CONTENT), tmp_path, client=client)
        assert not client.is_closed


def test_another_checksum_names_both_and_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    wanted = model_of(CONTENT, sha256="0" * 64)
    with pytest.raises(ModelError) as caught:
        fetch_model(wanted, tmp_path)
    assert "0" * 64 in caught.value.problem
    assert model_of(CONTENT).sha256 in caught.value.problem
    assert caught.value.where == "content/models/tiny.yaml"
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("sizes", [True, False])
@pytest.mark.parametrize("off", [-1, 1])
def test_another_size_is_an_error_with_both(
    hub: Hub, tmp_path: Path, sizes: bool, off: int
) -> None:
    hub.sizes = sizes
    with pytest.raises(ModelError, match=r"the catalogue says 5,1\d\d,\d\d\d"):
        fetch_model(model_of(CONTENT, size_bytes=len(CONTENT) + off), tmp_path)
    assert not (tmp_path / "models" / "tiny" / "tiny.gguf").exists()
    # corrected, it goes on
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT


def test_a_damaged_file_in_the_cache_is_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    path = fetch_model(model_of(CONTENT), tmp_path)
    path.write_bytes(b"X" + CONTENT[1:])
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
    assert len(hub.seen) == 2


def test_a_file_put_there_by_hand_is_hashed_once_and_kept(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "models" / "tiny" / "tiny.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert fetch_model(model_of(CONTENT), tmp_path) == path
    assert hub.seen == []
    assert left_in(tmp_path) == WHOLE


def test_a_touched_file_is_hashed_again_not_fetched(hub: Hub, tmp_path: Path) -> None:
    path = fetch_model(model_of(CONTENT), tmp_path)
    os.utime(path, ns=(1, 1))
    fetch_model(model_of(CONTENT), tmp_path)
    assert len(hub.seen) == 1


def test_a_new_sum_in_the_catalogue_fetches_the_new_file(hub: Hub, tmp_path: Path) -> None:
    fetch_model(model_of(CONTENT), tmp_path)
    hub.files[FILE] = new = CONTENT[::-1]
    assert fetch_model(model_of(new), tmp_path).read_bytes() == new


def test_parts_are_joined_in_order(hub: Hub, tmp_path: Path) -> None:
    local = tmp_path / "middle"
    local.write_bytes(CONTENT[1_000_000:2_000_000])
    hub.files["/owner/repo/resolve/1234abc/one"] = CONTENT[:1_000_000]
    hub.files["/three"] = CONTENT[2_000_000:]
    model = model_of(
        CONTENT,
        hub_part("one"),
        {"source": f"file:{local}"},
        {"source": f"url:{hub.base}/three"},
    )
    assert fetch_model(model, tmp_path / "cache").read_bytes() == CONTENT
    assert left_in(tmp_path / "cache") == WHOLE


def test_a_cut_in_a_later_part_keeps_the_earlier_ones(hub: Hub, tmp_path: Path) -> None:
    pieces = {"a": CONTENT[:9], "b": CONTENT[9:3_000_000], "c": CONTENT[3_000_000:]}
    hub.files = {f"/owner/repo/resolve/1234abc/{name}": pieces[name] for name in pieces}
    model = model_of(CONTENT, *(hub_part(name) for name in "abc"))
    hub.cuts = [9, 1_100_000, 0, 0, 0, 0]
    with pytest.raises(ModelError):
        fetch_model(model, tmp_path)
    hub.seen.clear()
    hub.ranges = False  # part b begins anew, part a stays
    assert fetch_model(model, tmp_path).read_bytes() == CONTENT
    assert [path[-1] for path, _ in hub.seen] == ["b", "c"]


def test_a_catalogue_with_other_sources_begins_anew(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [2_000_000, 0, 0, 0, 0]
    with pytest.raises(ModelError):
        fetch_model(model_of(CONTENT), tmp_path)
    hub.files["/elsewhere"] = CONTENT
    hub.seen.clear()
    fetch_model(model_of(CONTENT, {"source": f"url:{hub.base}/elsewhere"}), tmp_path)
    assert hub.asked_ranges == [None]


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"sources": 1, "ends": [-5]}', b"\xff"])
def test_a_damaged_note_begins_anew(hub: Hub, tmp_path: Path, note: bytes) -> None:
    folder = tmp_path / "models" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.gguf.part").write_bytes(b"anything")
    (folder / "tiny.gguf.part.json").write_bytes(note)
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT


def test_a_missing_local_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file") as caught:
        fetch_model(model_of(CONTENT, {"source": f"file:{tmp_path}/none"}), tmp_path)
    assert caught.value.where == tmp_path / "none"


def test_a_cache_that_cannot_be_written_is_named(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="cannot be written") as caught:
        fetch_model(model_of(CONTENT), tmp_path / "cache")
    assert "BENCH_PIPELINE_CACHE" in caught.value.mend


def test_a_model_larger_than_the_disk_is_refused_before_the_first_byte(
    hub: Hub, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"needs .* MiB more, its disk has .* MiB free") as caught:
        fetch_model(model_of(CONTENT, size_bytes=2**55), tmp_path)
    assert "free space" in caught.value.mend
    assert hub.seen == []


FETCH = """
import sys
from pathlib import Path
from bench_pipeline.models.fetch import fetch_model
from bench_pipeline.records.model import ModelFile
print(fetch_model(ModelFile.model_validate_json(sys.argv[1]), Path(sys.argv[2])))
"""


def fetching(tmp_path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, model_of(CONTENT).model_dump_json(), str(tmp_path)],
        stdout=subprocess.PIPE,
    )


def test_a_killed_fetch_is_taken_up_by_the_next(hub: Hub, tmp_path: Path) -> None:
    hub.stall_after = 3_000_000
    part = tmp_path / "models" / "tiny" / "tiny.gguf.part"
    process = fetching(tmp_path)
    try:
        while not (part.exists() and part.stat().st_size >= 2**21):
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
    hub.stall_after = None
    hub.seen.clear()
    kept = part.stat().st_size
    assert fetch_model(model_of(CONTENT), tmp_path).read_bytes() == CONTENT
    assert hub.asked_ranges == [f"bytes={kept}-"]
    assert left_in(tmp_path) == WHOLE


def test_of_two_processes_one_fetches_and_the_other_waits(hub: Hub, tmp_path: Path) -> None:
    first, second = fetching(tmp_path), fetching(tmp_path)
    told = {process.communicate()[0] for process in (first, second)}
    assert (first.returncode, second.returncode) == (0, 0)
    assert told == {f"{tmp_path}/models/tiny/tiny.gguf\n".encode()}
    assert len(hub.seen) == 1


@pytest.mark.parametrize("way", ways())
def test_a_disk_that_fills_up_is_one_clear_error_and_leaves_no_half_model(
    hub: Hub, tmp_path: Path, way: str
) -> None:
    body = f"""
    from bench_pipeline.errors import ModelError
    from bench_pipeline.models.fetch import fetch_model
    from bench_pipeline.progress import Silent
    from bench_pipeline.records.model import ModelFile

    class Neighbour(Silent):
        '''Another program takes the room while we write.'''
        def step(self, what, total=None, unit=""):
            return self
        def __enter__(self):
            return self
        def __exit__(self, *exc):
            pass
        def advance(self, amount):
            if amount:
                fill_disk()

    model = ModelFile.model_validate_json(r'{model_of(CONTENT).model_dump_json()}')
    try:
        fetch_model(model, folder, Neighbour())
        result = ["fetched"]
    except ModelError as error:
        result = [str(error), *left()]
    """
    message, *left = on_full_disk(tmp_path / "disk", way, body, limit_bytes=3 * 2**20)
    assert "cannot be written" in message
    assert "free space on that disk" in message
    names = {Path(path).name for path in left}
    assert names <= {"tiny.gguf.part", "tiny.gguf.part.json", "tiny.gguf.lock"}
