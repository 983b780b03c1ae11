"""llama-server itself, with the small model: started, proven, refused, killed, stopped."""

import dataclasses
import os
import shutil
import signal
import socket
import threading

import httpx
import pytest

from bench_pipeline.engines.builds.install import install
from bench_pipeline.engines.llama_cpp import server as server_module
from bench_pipeline.engines.llama_cpp.installed import check_not_exchanged, digest, stamps_of
from bench_pipeline.engines.llama_cpp.placement import read_placement
from bench_pipeline.engines.llama_cpp.server import LlamaServer
from bench_pipeline.errors import EngineError
from bench_pipeline.records.inventory import EngineDevice
from bench_pipeline.records.rig import BackendSetup
from tests.engines.conftest import is_gone, shell_script
from tests.engines.relinked import path_build
from tests.waiting import PATIENCE_S, clock_until, wait_until


def complete(base_url: str, tokens: int = 2, **more: int) -> dict:
    asked = {"prompt": "Rivers are", "n_predict": tokens, "ignore_eos": True, **more}
    answer = httpx.post(f"{base_url}/completion", json=asked, timeout=PATIENCE_S)
    return answer.raise_for_status().json()


def test_every_build_starts_answers_from_no_cache_and_stops(every_build, start):
    """Prefill is cold also for a prompt seen before, by the slot that saw it."""
    with start(engine=every_build, slots=2, context_tokens_per_slot=512) as server:
        assert (server.slots, server.context_tokens_per_slot) == (2, 512)
        assert every_build.commit in server.props["build_info"]
        for _ in range(2):
            answer = complete(server.base_url, id_slot=0)
            assert (answer["tokens_predicted"], answer["id_slot"]) == (2, 0)
            assert answer["timings"]["cache_n"] == 0
        pid = server.pid
        assert server.alive()
    assert is_gone(pid)
    assert not server.alive()
    assert server.exit_status == 0, "SIGTERM was enough"


def test_the_published_command_names_no_folder_and_our_own_variables_do_not_reach_the_engine(
    start, small_model, tmp_path, monkeypatch
):
    monkeypatch.setenv("LLAMA_ARG_ALIAS", "smuggled")
    monkeypatch.setenv("LLAMA_ARG_CTX_CHECKPOINTS", "7")
    monkeypatch.setenv("LLAMA_ARG_ENDPOINT_METRICS", "1")
    draft = tmp_path / "a private folder" / "x.bin"
    setup = BackendSetup(args=["--slot-save-path", f"{tmp_path}/", "--log-file", str(draft)])
    draft.parent.mkdir()
    with start(setup=setup) as server:
        assert server.props["endpoint_metrics"] is False
        argv, tail = server.public_argv, "\n".join(server.log_tail(500))
    assert argv[0] == "llama-server"
    assert argv[argv.index("--model") + 1] == small_model[0].file_name
    assert str(tmp_path.parent) not in " ".join(argv)
    assert str(small_model[1].parent) not in tail and str(tmp_path) not in tail


def test_on_cpu_no_gpu_is_used_even_if_the_engine_has_one_and_a_draft_model_stays_there_too(
    vulkan_engine, start, small_model, tmp_path
):
    draft = tmp_path / "a private folder" / "draft.gguf"
    draft.parent.mkdir()
    draft.symlink_to(small_model[1])
    setup = BackendSetup(env={"GGML_VK_VISIBLE_DEVICES": "0"})
    with start(engine=vulkan_engine, setup=setup, draft=draft) as server:
        argv, tail = server.public_argv, "\n".join(server.log_tail(500))
        placement = read_placement(server.log_lines())
        assert server.devices == []
    assert argv[argv.index("--model-draft") + 1] == "draft.gguf"
    assert argv[argv.index("--threads-draft") + 1] == argv[argv.index("--threads") + 1] == "1"
    assert "draft.gguf" in tail and "private" not in tail + " ".join(argv + placement.proof)
    assert placement.drafts
    assert placement.mib("weights", host=True) > 30
    assert placement.draft.mib("weights", host=True) > 30
    assert placement.mib(host=False) == placement.draft.mib(host=False) == 0


def test_a_truncated_model_is_refused_with_the_engines_own_reason(start, small_model, tmp_path):
    cut = tmp_path / "cut.gguf"
    with small_model[1].open("rb") as whole:
        cut.write_bytes(whole.read(3_000_000))
    with pytest.raises(EngineError, match="not within the file bounds") as caught, start(model=cut):
        pass
    assert caught.value.kind == "load"
    # not its very last words: now and then it exits before they are written
    assert any("not within the file bounds" in line for line in caught.value.log_tail)
    assert len(caught.value.log_tail) <= 15
    assert str(tmp_path) not in "\n".join(caught.value.log_tail)


def test_an_unknown_architecture_is_named(start, small_model, tmp_path):
    strange = tmp_path / "strange.gguf"
    shutil.copyfile(small_model[1], strange)
    with strange.open("r+b") as file:
        head = file.read(200)
        file.seek(head.index(b"llama"))
        file.write(b"llbma")

    def told() -> str:
        with pytest.raises(EngineError) as refused:
            start(model=strange).__enter__()
        return str(refused.value)

    # its log is written by a thread that may end, on a busy machine, before the line is out
    assert any("unknown model architecture: 'llbma'" in told() for _ in range(4))


def test_a_text_file_is_no_model(start, tmp_path):
    text = tmp_path / "notes.gguf"
    text.write_text("not a model")
    with pytest.raises(EngineError, match="invalid magic"):
        start(model=text).__enter__()


def test_an_argument_that_the_build_does_not_know_is_named(start):
    with pytest.raises(EngineError, match="invalid argument: --warp-speed") as caught:
        start(setup=BackendSetup(args=["--warp-speed"])).__enter__()
    assert "`args`" in caught.value.mend
    assert caught.value.kind == "load"


def test_a_mode_that_the_build_does_not_take_is_refused_in_the_engines_words(every_build, start):
    with pytest.raises(EngineError) as caught:
        start(engine=every_build, extra_args=["--reasoning", "sideways"]).__enter__()
    assert caught.value.kind == "refused"
    assert caught.value.problem.startswith(
        f"build {every_build.build} does not take `--reasoning`, which the mode needs: "
    )
    assert "unknown value for --reasoning: 'sideways'" in caught.value.problem
    assert "without this mode" in caught.value.mend


def test_a_build_that_cannot_draft_is_refused_for_it(engine, start, small_model, tmp_path):
    """As a build from before `--spec-type` answers; all that can be had know it."""
    older = shell_script(tmp_path / "llama-server", "echo error: invalid argument: --spec-type >&2")
    with pytest.raises(EngineError, match="does not take `--spec-type`") as caught:
        start(engine=dataclasses.replace(engine, binary=older), draft=small_model[1]).__enter__()
    assert caught.value.kind == "refused"


def test_too_little_memory_is_called_oom(engine, start, tmp_path):
    limited = shell_script(
        tmp_path / "llama-server", f'ulimit -v 2000000; exec {engine.binary} "$@"'
    )
    with pytest.raises(EngineError) as caught:
        start(
            engine=dataclasses.replace(engine, binary=limited), context_tokens_per_slot=1_000_000
        ).__enter__()
    assert caught.value.kind == "oom", caught.value.log_tail
    assert "smaller model" in caught.value.mend


def test_an_engine_whose_files_were_exchanged_since_they_were_hashed_is_refused(
    engine, start, tmp_path
):
    """A build that ended while the benchmark waited for the rig."""
    binary = shell_script(tmp_path / "llama-server", f'exec {engine.binary} "$@"')
    hashed = {"binary": binary, "binary_sha256": digest(binary), "stamps": stamps_of(binary)}
    theirs = dataclasses.replace(engine, **hashed)
    shell_script(binary, f'exec {engine.binary} "$@" # another')
    with pytest.raises(EngineError, match="exchanged since they were hashed") as caught:
        start(engine=theirs).__enter__()
    assert caught.value.kind == "refused"


def test_an_engine_that_was_only_touched_is_still_the_same(tmp_path):
    binary = shell_script(tmp_path / "llama-server", "echo version: 1")
    installed = install(path_build(binary), tmp_path)
    os.utime(binary, (0, 0))
    check_not_exchanged(installed)
    binary.unlink()
    with pytest.raises(EngineError, match="exchanged"):
        check_not_exchanged(installed)


def test_fewer_slots_than_asked_for_are_refused(start):
    with pytest.raises(EngineError, match="has 1 slots, 4 were asked for") as caught:
        start(slots=4, setup=BackendSetup(args=["--parallel", "1"])).__enter__()
    assert caught.value.kind == "refused"


def test_less_context_than_asked_for_is_refused(start):
    with pytest.raises(
        EngineError, match="8,192 tokens of context, 9,000 were asked for"
    ) as caught:
        start(context_tokens_per_slot=9000).__enter__()
    assert caught.value.kind == "refused"


def test_a_server_that_never_answers_is_a_hang_and_is_killed(engine, start, tmp_path, monkeypatch):
    begun = tmp_path / "begun"
    script = f"echo I hear nothing; touch '{begun}'; exec sleep {2 * PATIENCE_S}"
    deaf = shell_script(tmp_path / "llama-server", script)
    monkeypatch.setattr(server_module, "time", clock_until(begun))
    with pytest.raises(EngineError, match=f"did not answer within {PATIENCE_S} s") as caught:
        start(
            engine=dataclasses.replace(engine, binary=deaf), load_timeout_s=PATIENCE_S
        ).__enter__()
    assert caught.value.kind == "hang"
    assert caught.value.log_tail == ("I hear nothing",)


def test_a_binary_that_cannot_be_started_is_one_clear_error(engine, start, tmp_path):
    absent = dataclasses.replace(engine, binary=tmp_path / "absent")
    with pytest.raises(EngineError, match="cannot be started: No such file or directory"):
        start(engine=absent).__enter__()


def test_a_port_taken_meanwhile_is_replaced_by_another(start, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = iter([taken, server_module.free_port()])
        monkeypatch.setattr(server_module, "free_port", lambda: next(ports))
        with start() as server:
            assert not server.base_url.endswith(f":{taken}")
            assert server.alive()


def test_another_server_on_the_port_is_not_taken_for_ours(start, monkeypatch, tmp_path):
    with start() as first:
        taken = int(first.base_url.rsplit(":", 1)[1])
        monkeypatch.setattr(server_module, "free_port", lambda: taken)
        with pytest.raises(EngineError, match=f"port {taken} was taken by another program"):
            start(log_path=tmp_path / "second.log").__enter__()
        assert first.alive()


def test_a_server_killed_during_a_request_is_seen_to_be_dead(start):
    failed: list[Exception] = []

    def ask(url: str) -> None:
        try:
            complete(url, tokens=200_000)
        except httpx.HTTPError as error:
            failed.append(error)

    with start() as server:
        asking = threading.Thread(target=ask, args=(server.base_url,))
        asking.start()
        wait_until(
            lambda: any("processing task" in line for line in server.log_lines()), "a request"
        )
        os.kill(server.pid, signal.SIGKILL)
        asking.join(PATIENCE_S)
        assert failed
        wait_until(lambda: not server.alive(), "its end")
        assert any("processing task" in line for line in server.log_tail(30))
    assert server.exit_status == -signal.SIGKILL


class TestDevices:
    """Which device is pinned, before anything is started."""

    @pytest.fixture
    def two_gpus(self, engine):
        names = ("Vulkan0", "Vulkan1", "CUDA0")
        return dataclasses.replace(engine, devices=[EngineDevice(id=n, name=n) for n in names])

    def refusal(self, start, **different) -> EngineError:
        with pytest.raises(EngineError) as caught:
            start(backend="vulkan", **different).__enter__()
        return caught.value

    def test_a_gpu_backend_without_a_device_is_refused(self, engine, start):
        bare = dataclasses.replace(engine, devices=[])
        assert self.refusal(start, engine=bare).problem == "the engine finds no vulkan device"

    def test_of_several_devices_the_rig_file_must_name_one(self, two_gpus, start):
        error = self.refusal(start, engine=two_gpus)
        assert "finds 2 vulkan devices: Vulkan0, Vulkan1" in error.problem
        assert "`device`" in error.mend

    def test_a_device_that_is_not_there_is_refused(self, two_gpus, start):
        setup = BackendSetup(device="Vulkan0,Vulkan7")
        error = self.refusal(start, engine=two_gpus, setup=setup)
        assert error.problem == "the engine finds no Vulkan7, only Vulkan0, Vulkan1"

    def test_of_several_devices_one_may_hold_the_model(self, two_gpus, tmp_path):
        setup = BackendSetup(device="Vulkan0,Vulkan1", split_mode="none", main_gpu=1)
        both = BackendSetup(device="Vulkan0,Vulkan1", split_mode="layer")
        missing = BackendSetup(device="Vulkan7")
        planned = [
            LlamaServer(
                two_gpus,
                model=tmp_path / "m.gguf",
                backend="vulkan",
                setup=each,
                threads=1,
                slots=1,
                context_tokens_per_slot=256,
                log_path=tmp_path / "log",
            ).planned_devices()
            for each in (setup, both, missing)
        ]
        assert planned == [["Vulkan1"], ["Vulkan0", "Vulkan1"], []]
