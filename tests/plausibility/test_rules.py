"""A run that contradicts itself or physics is doubted; those that were really measured are not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench_pipeline.paths import checkout
from bench_pipeline.plausibility.judging import (
    RULES,
    doubts_of_cell,
    doubts_of_run,
    why_refused,
)
from bench_pipeline.plausibility.rule import Facts
from bench_pipeline.records.run import Run
from bench_pipeline.records.yaml.files import read_run, run_files
from bench_pipeline.records.yaml.model_files import read_models
from tests.factories import measured_run
from tests.session_factories import session_runs

NOW = Facts(datetime(2026, 11, 27, tzinfo=UTC))


def doubts(run: Run) -> list[str]:
    return doubts_of_run(run) + [d for cell in run.cells for d in doubts_of_cell(run, cell)]


def changed(change: Any) -> Run:
    document = measured_run(workloads=["chat"]).model_dump()
    change(document)
    return Run.model_validate(document)


def each_request(**what: Any) -> Any:
    def change(document: dict) -> None:
        for cell in document["cells"]:
            for request in cell["requests"]:
                request.update(what)

    return change


def each_cell(**what: Any) -> Any:
    return lambda document: [cell.update(what) for cell in document["cells"]]


def faster(times: float) -> Any:
    def change(document: dict) -> None:
        for cell in document["cells"]:
            for request in cell["requests"]:
                for name in list(request):
                    if "decode_ms" in name or "itl" in name:
                        request[name] /= times
                request["end_to_end_ms"] = request["ttft_ms"] + request["decode_ms"]

    return change


def test_no_run_of_this_checkout_is_doubted() -> None:
    read = [read_run(path) for path in run_files(checkout().runs)]
    assert len(read) > 20
    now = datetime.now(UTC)  # `make bench` may have added one just now
    known = Facts(now, read_models(checkout().models))
    found = {run.run_id: doubts(run) + doubts_of_run(run, known) for run in read}
    assert [(run_id, said) for run_id, said in found.items() if said] == []
    assert all(why_refused(run, known) is None for run in read)


@pytest.mark.parametrize("backend", ["cpu", "cuda", "vulkan"])
def test_a_true_run_is_not_doubted(backend: str) -> None:
    assert doubts(measured_run(backend=backend)) == []


def test_builds_in_turns_are_not_doubted() -> None:
    for run in session_runs({"b10092": 1.0, "b10434": 0.95}, turns=2):
        assert doubts(run) == []


@pytest.mark.parametrize(
    "change",
    [
        faster(9000),
        each_request(server_prompt_ms=0.0001),
        each_request(server_prompt_ms=1e6),
        each_request(server_decode_ms=0),
        each_request(end_to_end_ms=50),
        each_request(cached_tokens=1),
        each_request(received_tokens=10**6),
        each_request(output_tokens=5),
        each_request(prompt_tokens=1),
        each_request(finish_reason="stop"),
        each_request(ttft_ms=50, decode_ms=900, end_to_end_ms=960),
        each_request(itl_p50_ms=400, itl_p95_ms=401, itl_p99_ms=402, itl_max_ms=403),
        each_request(itl_p50_ms=0, itl_p95_ms=0, itl_p99_ms=0, itl_max_ms=0),
        each_request(itl_p50_ms=9, itl_p95_ms=8, itl_p99_ms=7, itl_max_ms=6),
        each_request(first_visible_ms=1e6),
        each_request(sent_at_ms=0),
        each_cell(window_ms=1),
        lambda d: d["cells"][0].update(concurrency=2),
        lambda d: [w.update(all_busy_tokens=10**6) for c in d["cells"] for w in c["waves"]],
        lambda d: [w.update(all_busy_ms=1) for c in d["cells"] for w in c["waves"]],
        lambda d: d["servers"][0].update(argv=[]),
        lambda d: d["servers"][0].update(memory=None),
        lambda d: d["servers"][0].update(slots=64),
        lambda d: d["servers"][0]["argv"].__setitem__(2, "other.gguf"),
        lambda d: d["servers"][0].update(log_proof=["build: 9999 (badc0de) with cc"]),
        lambda d: d["engine"].update(commit="zzz"),
        lambda d: d["engine"].update(version_line="hello"),
        lambda d: d["engine"].update(binary_sha256="00" * 32),
        lambda d: d["harness"].update(version="666.0"),
        lambda d: d["harness"].update(git_commit="abc-dirty"),
        lambda d: d.update(mode="draft-x"),
        lambda d: d.update(backend="rocm"),
        lambda d: d.update(finished_at=d["started_at"] - timedelta(hours=1)),
        lambda d: d["inventory"].update(captured_at=d["started_at"] - timedelta(days=9)),
    ],
)
def test_what_contradicts_itself_is_doubted(change: Any) -> None:
    assert doubts(changed(change)) != []


def test_a_copied_request_is_doubted_also_in_another_cell() -> None:
    def copy_within(document: dict) -> None:
        first, second = document["cells"][0]["requests"][:2]
        second.update({name: first[name] for name in first if name.endswith("_ms")})

    def copy_over(document: dict) -> None:
        first, second = (cell["requests"][0] for cell in document["cells"])
        second.update({name: first[name] for name in first if name.endswith("_ms")})

    assert doubts(changed(copy_within)) != []
    assert doubts(changed(copy_over)) != []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update({k: datetime(2099, 1, 1, tzinfo=UTC) for k in ("started_at",)}),
        lambda d: d["inventory"].update(captured_at=datetime(2027, 1, 1, tzinfo=UTC)),
        lambda d: d["engine"].update(build="b999999999"),
        lambda d: d["engine"].update(build="b99999"),
        lambda d: d.update(started_at=datetime(2001, 1, 1, tzinfo=UTC)),
    ],
)
def test_what_no_day_allows_is_refused(change: Any) -> None:
    assert why_refused(changed(change), NOW)


def test_every_rule_says_its_bound_and_where_it_comes_from() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.bound and rule.source for rule in RULES)
