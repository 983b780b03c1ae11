"""llama-server's command line: what of it follows from the rig file, the model and the mode."""

from collections.abc import Sequence
from pathlib import Path

from bench_pipeline.records.rig import Backend, BackendSetup
from bench_pipeline.records.server import devices_of_command


def placement_options(backend: Backend, setup: BackendSetup, pinned: str) -> list[str]:
    """Where the model is to lie; `pinned`: the devices, as `--device` takes them; `none`
    on `cpu`."""
    layers = setup.gpu_layers
    if backend == "cpu":
        # `none` keeps a GPU build from using a GPU for large batches all the same
        return ["--gpu-layers", str(layers or 0), "--device", pinned]
    chosen = ["--gpu-layers", str(999 if layers is None else layers), "--device", pinned]
    chosen += ["--split-mode", setup.split_mode] if setup.split_mode else []
    chosen += ["--main-gpu", str(setup.main_gpu)] if setup.main_gpu is not None else []
    return chosen


def arrangement_options(setup: BackendSetup) -> list[str]:
    """What else the rig file asks of how the model is laid out and computed."""
    chosen = []
    if setup.experts_on_cpu == "all":
        chosen += ["--cpu-moe"]
    elif setup.experts_on_cpu is not None:
        chosen += ["--n-cpu-moe", str(setup.experts_on_cpu)]
    if setup.tensors_on_cpu:
        patterns = ",".join(f"{pattern}=CPU" for pattern in setup.tensors_on_cpu)
        chosen += ["--override-tensor", patterns]
    valued = {
        "--cache-type-k": setup.cache_type_k,
        "--cache-type-v": setup.cache_type_v,
        "--flash-attn": setup.flash_attention,
        "--ubatch-size": setup.ubatch_tokens,
    }
    for option, value in valued.items():
        chosen += [option, str(value)] if value is not None else []
    return chosen


def sharing(placed: Sequence[str], more: Sequence[str]) -> list[str]:
    """The devices that hold the model by `placed` and what comes after it on the command line."""
    return devices_of_command([*placed, *more])


def missing_devices(setup: BackendSetup, found: Sequence[str]) -> list[str]:
    """What the rig file pins and the engine does not list. It lists no other machine before it has
    spoken to it."""
    wanted = setup.device.split(",") if setup.device else []
    remote = "--rpc" in setup.args
    return [name for name in wanted if name not in found and not (remote and name[:3] == "RPC")]


def drafting_options(draft: Path | None, pinned: str, threads: int) -> list[str]:
    """Each switch of its own: by default a draft's layers go where there is room."""
    if draft is None:
        return []
    chosen = ["--model-draft", str(draft), "--spec-type", "draft-simple"]
    chosen += ["--gpu-layers-draft", "0" if pinned == "none" else "999"]
    return [*chosen, "--device-draft", pinned, "--threads-draft", str(threads)]


def remote_endpoints(argv: Sequence[str]) -> list[str]:
    """Addresses of other machines that `--rpc` names, and their hosts alone: never published."""
    found = []
    for place, word in enumerate(argv[:-1]):
        if word == "--rpc":
            for endpoint in argv[place + 1].split(","):
                found += [endpoint, endpoint.rpartition(":")[0]]
    own = ("localhost", "127.0.0.1", "0.0.0.0", "[::1]")
    named = {part for part in found if part and not part.startswith(own)}
    return sorted(named, key=len, reverse=True)
