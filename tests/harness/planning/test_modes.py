"""Modes with the real server: what each does to the tokens, and what of it is proven."""

import asyncio
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench_pipeline.engines.llama_cpp.placement import read_placement
from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.errors import EngineError, ModelError, RecordError
from bench_pipeline.harness import __main__ as entry
from bench_pipeline.harness.client.waves import as_requests, run_wave
from bench_pipeline.harness.planning import modes
from bench_pipeline.records.cell import Cell, Request
from bench_pipeline.records.rig import BackendSetup
from tests.conftest import SMALL_MODEL, WHOLE_MODEL
from tests.engines.conftest import RUNNABLE, installed_once

SELF = f"draft-{SMALL_MODEL}"
"""The small model drafting for itself."""

THINKING_TEMPLATE = """\
{%- for message in messages %}{{- '<|im_start|>' + message['role'] + '\\n' }}
{%- if message['role'] == 'assistant' and message.reasoning_content %}
{{- '<think>\\n' + message.reasoning_content + '\\n</think>\\n' }}{%- endif %}
{{- message['content'] + '<|im_end|>\\n' }}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}
{{- '<think>\\n\\n</think>\\n\\n' }}{%- else %}{{- '<think>\\n' }}{%- endif %}{%- endif %}
"""
"""The small model does not reason, but this opens its answer with a hidden part, so that the
server's own parser tells hidden from visible."""

OTHER_VOCABULARY = """\
0.00.096.982 I print_info: vocab type            = BPE
0.00.096.983 I print_info: n_vocab               = 49152
0.00.144.343 I common_speculative_init_result: loading draft model '/home/me/gemma.gguf'
0.00.543.440 I print_info: vocab type            = SPM
0.00.543.440 I print_info: n_vocab               = 262144
0.00.610.516 I spec common_specu: adding speculative implementation 'draft-simple'
0.00.610.647 W spec common_specu: draft model vocab type must match target model to use \
speculation but vocab_type_dft = 1 while vocab_type_tgt = 2
0.00.610.663 E spec common_specu: the target and draft vocabs are not compatible
0.00.611.264 E srv    load_model: failed to initialize speculative decoding context: draft model \
vocab type must match target model to use speculation
0.00.703.929 I srv          init: init: chat template, thinking = 0
0.00.704.039 I srv  llama_server: listening on http://127.0.0.1:45971
""".splitlines()
"""Gemma-3-270M drafting for SmolLM2-135M: the same on b10068, b10092, b10434 and b11434."""


@pytest.fixture(params=[wheel.build for wheel in RUNNABLE])
def every_build(request):
    return installed_once(request.param)


@pytest.fixture
def thinking(tmp_path) -> list[str]:
    """Arguments with which the small model's answers begin with hidden reasoning."""
    template = tmp_path / "thinking.jinja"
    template.write_text(THINKING_TEMPLATE)
    return ["--jinja", "--chat-template-file", str(template)]


@pytest.fixture
def serve(engine, small_model, tmp_path):
    """`with serve(mode) as server`: the small model, two slots, whatever mode says."""

    @contextmanager
    def serving(mode, engine=engine, draft=None, args=()) -> Iterator[LlamaServer]:
        with LlamaServer(
            engine,
            model=small_model[1],
            draft=draft,
            backend="cpu",
            setup=BackendSetup(args=list(args)),
            threads=1,
            slots=2,
            context_tokens_per_slot=256,
            extra_args=modes.server_arguments(mode),
            log_path=tmp_path / "server.log",
        ) as server:
            yield server

    return serving


def requests_to(server: LlamaServer, output_tokens: int = 40) -> list[Request]:
    """Two streams at once."""
    prompts = [
        [{"role": "user", "content": f"{nonce}: Say something about rivers."}]
        for nonce in ("1234", "5678")
    ]
    begun = time.perf_counter()
    return as_requests(asyncio.run(run_wave(server.base_url, prompts, output_tokens)), 0, begun)


def cell_of(requests: list[Request]) -> Cell:
    return Cell(workload="chat", concurrency=2, stop_reason="repetitions", requests=requests)


class TestReasoning:
    def test_hidden_and_visible_tokens_are_counted_apart(self, serve, thinking):
        with serve("baseline", args=[*thinking, "--reasoning-budget", "20"]) as server:
            modes.check_started("baseline", server.log_lines())
            requests = requests_to(server)
        for request in requests:
            assert request.output_tokens == 40
            assert 20 <= request.reasoning_tokens <= 26, "the budget, and the tag that closes it"
            # unless a busy machine read the first hidden token and the first visible one at once
            assert request.first_visible_ms > request.ttft_ms or request.shared_reads
            assert request.first_visible_ms >= request.ttft_ms
        assert modes.check_cell("baseline", cell_of(requests)).status == "ok"

    def test_switched_off_no_token_is_hidden_and_the_log_proves_it(
        self, serve, thinking, every_build
    ):
        with serve("reasoning-off", engine=every_build, args=thinking) as server:
            modes.check_started("reasoning-off", server.log_lines())
            proof = read_placement(server.log_lines()).proof
            requests = requests_to(server)
        assert any("chat template, thinking = 0" in line for line in proof)
        assert [request.reasoning_tokens for request in requests] == [0, 0]
        assert [request.first_visible_ms for request in requests] == [
            request.ttft_ms for request in requests
        ]
        cell = cell_of(requests)
        assert modes.check_cell("reasoning-off", cell) == cell

    def test_a_server_that_still_thinks_is_refused_and_so_are_its_tokens(
        self, serve, thinking, every_build
    ):
        with serve("baseline", engine=every_build, args=thinking) as server:
            with pytest.raises(EngineError, match="still opens hidden reasoning") as caught:
                modes.check_started("reasoning-off", server.log_lines())
            requests = requests_to(server)
        assert caught.value.kind == "refused"
        assert any("thinking = 1" in line for line in caught.value.log_tail)
        assert all(request.first_visible_ms is None for request in requests), "thought to the end"
        cell = modes.check_cell("reasoning-off", cell_of(requests))
        assert (cell.status, cell.stop_reason) == ("failed", "failed")
        assert cell.failure.kind == "contaminated"
        assert "80 of 80 output tokens were hidden" in cell.failure.message
        assert cell.requests == requests, "kept"

    def test_the_mode_wins_over_the_rig_files_arguments(self, serve, thinking):
        with serve("reasoning-off", args=[*thinking, "--reasoning", "on"]) as server:
            modes.check_started("reasoning-off", server.log_lines())

    def test_a_log_without_a_word_of_it_proves_nothing(self):
        with pytest.raises(EngineError, match="is not told in its log") as caught:
            modes.check_started("reasoning-off", ["0.0.0.1 I srv  llama_server: listening on x"])
        assert caught.value.kind == "refused"

    def test_a_model_that_does_not_reason_has_nothing_to_switch_off(self, small_model):
        model = small_model[0]
        with pytest.raises(EngineError, match=f"{model.slug} does not reason") as caught:
            modes.check_wanted("reasoning-off", model, None)
        assert caught.value.kind == "refused"
        assert f"content/models/{model.slug}.yaml" in caught.value.mend
        modes.check_wanted("reasoning-off", model.model_copy(update={"reasons": True}), None)


class TestDrafting:
    def test_a_model_that_drafts_for_itself_is_nearly_always_right(
        self, serve, small_model, every_build
    ):
        with serve(SELF, engine=every_build, draft=small_model[1]) as server:
            modes.check_started(SELF, server.log_lines())
            requests = requests_to(server)
        for request in requests:
            assert request.output_tokens == 40
            assert 20 <= request.draft_accepted <= request.draft_tokens <= 40
        cell = cell_of(requests)
        assert modes.check_cell(SELF, cell) == cell

    def test_a_draft_model_of_another_vocabulary_is_refused(self, serve, small_model, tmp_path):
        with serve(SELF, draft=with_another_token(small_model[1], tmp_path)) as server:
            with pytest.raises(EngineError, match="goes on without drafting") as caught:
                modes.check_started(SELF, server.log_lines())
            requests = requests_to(server, output_tokens=8)
        assert caught.value.kind == "refused"
        assert "vocabs are not compatible" in caught.value.problem
        assert caught.value.problem.count("BPE with 49,152 tokens") == 2
        assert str(tmp_path) not in "\n".join(caught.value.log_tail)
        cell = modes.check_cell(SELF, cell_of(requests))
        assert (cell.status, cell.failure.kind) == ("failed", "refused")
        assert "proposed 0 tokens for 16 output tokens of 2 requests" in cell.failure.message

    def test_both_vocabularies_are_named(self):
        with pytest.raises(EngineError) as caught:
            modes.check_started("draft-gemma-3-270m-q4_k_m", OTHER_VOCABULARY)
        assert caught.value.problem == (
            "the server goes on without drafting: the target and draft vocabs are not compatible;"
            " the model's vocabulary is BPE with 49,152 tokens, the draft model's SPM with 262,144"
            " tokens"
        )
        assert "loading draft model 'gemma.gguf'" in caught.value.log_tail

    def test_a_server_that_was_given_no_draft_model_is_refused(self, serve):
        with serve("baseline") as server:
            modes.check_started("baseline", server.log_lines())
            with pytest.raises(EngineError, match="does not say that it drafts"):
                modes.check_started(SELF, server.log_lines())

    def test_a_rig_file_that_makes_every_run_draft_is_refused(self, serve, small_model):
        args = ["--model-draft", str(small_model[1]), "--spec-type", "draft-simple"]
        with (
            serve("baseline", args=args) as server,
            pytest.raises(EngineError, match="the server drafts") as caught,
        ):
            modes.check_started("baseline", server.log_lines())
        assert "`--spec-type`" in caught.value.mend


class TestNames:
    @pytest.mark.parametrize("mode", ["baseline", "reasoning-off", "draft-gemma-3-270m-q4_k_m"])
    def test_a_mode_is_known_by_its_name(self, mode):
        assert modes.known_mode(mode) == mode

    @pytest.mark.parametrize("text", ["", "draft-", "reasoning", "Draft-x", "draft-a/b"])
    def test_any_other_name_is_answered_with_the_choices(self, text):
        with pytest.raises(RecordError, match=f"no mode `{text}`") as caught:
            modes.known_mode(text)
        assert "baseline, reasoning-off, draft-<model" in caught.value.mend

    def test_the_draft_model_is_one_of_the_catalogue(self, project):
        assert modes.draft_model("draft-gemma-3-270m-q4_k_m", project).variant == "270m"
        assert modes.draft_model("reasoning-off", project) is None
        with pytest.raises(ModelError, match="no model `gpt-9`"):
            modes.draft_model("draft-gpt-9", project)

    def test_another_draft_model_than_the_modes_is_a_mistake(self, small_model):
        modes.check_wanted(SELF, small_model[0], small_model[0])
        with pytest.raises(ValueError, match="with no draft model"):
            modes.check_wanted(SELF, small_model[0], None)

    def test_the_rigs_own_command_answers_a_wrong_mode(self, monkeypatch, project, capsys):
        monkeypatch.setattr(entry, "checkout", lambda: project)
        arguments = ["--rig", "shared-vm-2core", "--backend", "cpu", "--mode", "turbo"]
        monkeypatch.setattr(sys, "argv", ["harness", *arguments, "--model", WHOLE_MODEL])
        assert entry.main() == 1
        assert "error: no mode `turbo`\n  mend: choose from: baseline" in capsys.readouterr().err


def with_another_token(model: Path, folder: Path) -> Path:
    """A copy of `model` in whose vocabulary one token reads differently."""
    copy = folder / "other.gguf"
    shutil.copyfile(model, copy)
    token, other = "Ġriver".encode(), "Ġzzzzz".encode()
    assert len(token) == len(other)
    with copy.open("r+b") as file:
        head = file.read(2_000_000)
        file.seek(head.index(struct.pack("<Q", len(token)) + token) + 8)
        file.write(other)
    return copy


def test_a_failed_cell_keeps_its_first_reason():
    cell = Cell.model_validate(
        {
            "workload": "chat",
            "concurrency": 1,
            "status": "failed",
            "failure": {"kind": "crash", "message": "the server died"},
        }
    )
    assert modes.check_cell(SELF, cell) == cell
