"""A control plane and rigs as machines of their own, on this one.

As root each rig has a network namespace with one wire to the control plane, and a mount namespace
with its own machine-id, in which the others' folders are empty. Else they share the machine's
network and see each other's files; that they do not use them is then only likely.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import psutil
import yaml

from bench_pipeline.farm.beats import BEAT_VARIABLE
from bench_pipeline.farm.founding import DATA_VARIABLE
from bench_pipeline.harness.rig_lock import LOCK_VARIABLE
from bench_pipeline.paths import Project, artefact_cache
from tests.checkouts import (
    bare_environment,
    copy_checkout,
    with_model,
    with_rules,
    with_short_looks,
    with_tiny_workloads,
)
from tests.farm.networks import Network, network
from tests.waiting import wait_until

BEAT_S = 1.0
RIG_FILE = """\
title: {slug}
machine_id: "{machine_id}"
backends:
  cpu:
    channel: wheel
    build: {build}
    threads: 1
  vulkan:
    channel: wheel
    build: {build}
    threads: 1
    device: Vulkan0
    gpu_layers: 0
    args: [--no-op-offload]
    env:
      GGML_VK_VISIBLE_DEVICES: "0"
"""
"""The second on a device in software, which is given no layer: its shaders take a minute."""
BACKENDS = ("cpu", "vulkan")


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Machine:
    """A clone with its own home, cache and lock, in which our commands run."""

    def __init__(self, folder: Path, others: list[Path], netns: str | None) -> None:
        self.folder, self.project = folder, Project(folder / "clone")
        self._others, self._netns = others, netns
        self._processes: list[subprocess.Popen[bytes]] = []
        self.further: dict[str, str] = {}
        """Of its environment."""
        for name in ("home", "cache", "tmp"):
            (folder / name).mkdir(parents=True)
        cache = folder / "cache"
        (cache / "engines").symlink_to(artefact_cache() / "engines")
        (cache / "models").symlink_to(artefact_cache() / "models")
        (folder / "machine-id").write_text(f"{abs(hash(str(folder))) % 16**32:032x}\n")

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def environment(self) -> dict[str, str]:
        return bare_environment() | {
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "BENCH_PIPELINE_CACHE": str(self.folder / "cache"),
            LOCK_VARIABLE: str(self.folder / "rig.lock"),
            BEAT_VARIABLE: str(BEAT_S),
            DATA_VARIABLE: str(self.folder / "home" / "postgres"),
            **self.further,
        }

    def command(self, *words: str) -> list[str]:
        if self._netns is None:
            return list(words)
        hide = [f"mount -t tmpfs none {other}" for other in self._others]
        script = "; ".join(
            [f"mount --bind {self.folder}/machine-id /etc/machine-id", *hide, 'exec "$@"']
        )
        inside = ["unshare", "-m", "sh", "-e", "-c", script, "machine", *words]
        return ["ip", "netns", "exec", self._netns, *inside]

    def run(self, *words: str) -> str:
        done = subprocess.run(
            self.command(*words),
            cwd=self.project.root,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.command(*words),
                cwd=self.project.root,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # as in a terminal of its own
            )
        self._processes.append(process)
        return process

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def switch_off(self) -> None:
        """As by its plug: all at once, with no word to anybody."""
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
                for each in [psutil.Process(process.pid), *family]:
                    with suppress(psutil.NoSuchProcess):
                        each.kill()
            process.wait()
        self._processes.clear()

    def stop(self) -> None:
        """In good order."""
        for process in self._processes:
            process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                self.switch_off()
                break
        self._processes.clear()


class Rig(Machine):
    slug: str

    def declare(self, slug: str, build: str) -> None:
        self.slug = slug
        ask = "from bench_pipeline.inventory.identity import machine_id; print(machine_id())"
        identity = self.run("python", "-c", ask).strip()
        text = RIG_FILE.format(slug=slug, machine_id=identity, build=build)
        (self.project.rigs / f"{slug}.yaml").write_text(text)

    def carry(self, join: Path) -> None:
        carried = self.folder / "home" / "join.json"
        shutil.copy2(join, carried)
        self.join_file = carried

    def join(self) -> None:
        words = ["farm-rig", "--rig", self.slug, "--join", str(self.join_file)]
        self.start("python", "-m", "bench_pipeline", *words)

    def engines(self) -> list[psutil.Process]:
        """Those that serve on it."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.name() == "llama-server" and str(self.folder) in " ".join(
                    process.cmdline()
                ):
                    found.append(process)
        return found

    def inside(self, *words: str) -> None:
        """In the namespaces of its worker."""
        enter = ["nsenter", "-t", str(self.worker().pid), "-m", "-n"]
        subprocess.run([*enter, *words], check=True)

    def interrupt(self) -> "subprocess.Popen[bytes]":
        """Ctrl-C at its terminal: to the worker and all that it did not put apart."""
        (process,) = self._processes
        os.killpg(process.pid, signal.SIGINT)
        return process

    def worker(self) -> psutil.Process:
        """Celery's main process: what `farm-rig` became."""
        (process,) = self._processes
        return psutil.Process(process.pid)


class Control(Machine):
    def serve(self, host: str, ports: list[int]) -> None:
        self.host, self.ports = host, ports
        self.start(*self.farm_command(ports[0]))
        wait_until(lambda: self.ask("{ version }"), "Dagster's pages", self.said, look_s=0.3)

    def farm_command(self, page_port: int) -> list[str]:
        words = ["farm-control", "--host", self.host, "--port", str(page_port)]
        words += ["--redis-port", str(self.ports[1]), "--postgres-port", str(self.ports[2])]
        return ["python", "-m", "bench_pipeline", *words]

    @property
    def home(self) -> Path:
        return self.project.farm / "control"

    def process(self) -> psutil.Process:
        (process,) = self._processes
        return psutil.Process(process.pid)

    def service(self, name: str) -> psutil.Process:
        """One that it started, by the name of its program."""
        return next(each for each in self.process().children() if each.name() == name)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def ask(self, query: str, **variables: Any) -> Any:
        """GraphQL's data; None while nobody answers."""
        address = f"http://127.0.0.1:{self.ports[0]}/graphql"
        try:
            answer = httpx.post(
                address, json={"query": query, "variables": variables}, timeout=60, trust_env=False
            ).json()
        except httpx.TransportError:
            return None
        assert "errors" not in answer, json.dumps(answer)[:2000]
        return answer["data"]

    def partitions(self) -> list[str]:
        query = """{ assetNodeOrError(assetKey: {path: ["benchmark_runs"]}) {
            ... on AssetNode { partitionKeys } } }"""
        answer = self.ask(query)
        return answer["assetNodeOrError"].get("partitionKeys", []) if answer else []

    def backfill(self, partitions: list[str]) -> None:
        query = """mutation($params: LaunchBackfillParams!) {
            launchPartitionBackfill(backfillParams: $params) {
              __typename ... on PythonError { message } } }"""
        params = {
            "assetSelection": [{"path": ["benchmark_runs"]}],
            "partitionNames": partitions,
        }
        answer = self.ask(query, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer

    def launch(
        self, job: str, assets: list[str], partition: str | None = None, **config: Any
    ) -> str:
        """`config`: of assets, by name."""
        query = """mutation($params: ExecutionParams!) { launchPipelineExecution(
            executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } }
              ... on PythonError { message } } }"""
        tags = [{"key": "dagster/partition", "value": partition}] if partition else []
        params = {
            "selector": {
                "repositoryLocationName": "bench_pipeline.definitions",
                "repositoryName": "__repository__",
                "pipelineName": job,
                "assetSelection": [{"path": [name]} for name in assets],
            },
            "runConfigData": {"ops": {name: {"config": each} for name, each in config.items()}},
            "executionMetadata": {"tags": tags},
        }
        answer = self.ask(query, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return answer["run"]["runId"]


def make_clone(machine: Machine, rigs: list[str], model: Any, tokens: int) -> None:
    """Content that wants a short run of the model on each backend of each rig."""
    copy_checkout(machine.project.root)
    project = machine.project
    for path in (
        *project.runs.rglob("*.yaml"),
        *project.campaigns.glob("*.yaml"),
        *project.rigs.glob("*.yaml"),
    ):
        path.unlink()
    with_tiny_workloads(project.root, tokens)
    (project.workloads / "shorter.yaml").unlink()
    with_short_looks(project.root)
    few = {
        "min_waves": "1",
        "max_waves": "1",
        "warmup_waves": "0",
        "concurrencies": "(1,)",
        "curve_depths": "()",
    }
    with_rules(project.root, **few)
    with_model(project, model)
    campaign = {
        "title": "The farm",
        "why": "A short run of everything.",
        "places": [f"{rig}/{backend}" for rig in rigs for backend in BACKENDS],
        "models": [model.slug],
        "concurrencies": [1],
        "profile": "quick",
    }
    (project.campaigns / "farm.yaml").write_text(yaml.safe_dump(campaign))


@dataclass
class Farm:
    control: Control
    rigs: list[Rig]
    network: Network
    model: str


@contextmanager
def running_farm(
    folder: Path, model: Any, build: str, slugs: list[str], tokens: int = 12
) -> Iterator[Farm]:
    """Its control plane serves; its rigs are declared and have not joined yet."""
    places = {name: folder / name for name in ("control", *slugs)}
    for place in places.values():
        place.mkdir(parents=True)
    with network() as wires:
        control = Control(places["control"], [], None)
        rigs = []
        for number, slug in enumerate(slugs):
            others = [place for name, place in places.items() if name != slug]
            rigs.append(Rig(places[slug], others, wires.wire(number)))
        try:
            for machine in (control, *rigs):
                make_clone(machine, slugs, model, tokens)
            control.serve(wires.address, free_ports(3))
            for rig, slug in zip(rigs, slugs, strict=True):
                rig.declare(slug, build)
                rig.carry(control.project.farm / "join.json")
            yield Farm(control, rigs, wires, model.slug)
        finally:
            for machine in (*rigs, control):
                machine.stop()


@contextmanager
def enterable_folder() -> Iterator[Path]:
    """Directly below /tmp: Postgres's own user must be able to enter it."""
    folder = Path(tempfile.mkdtemp(prefix="bench_pipeline-farm-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def eventually(done: Callable[[], object], what: str, farm: Farm) -> None:
    def logs() -> str:
        return "\n".join(
            f"--- {machine.folder.name}\n{machine.said()[-2500:]}"
            for machine in (farm.control, *farm.rigs)
        )

    wait_until(done, what, logs, look_s=0.3)
