"""Engines of other families as a rig's file says to start them."""

import re

from bench_pipeline.records.rig import BackendSetup, EngineSetup, Rig
from tests.engines.others.installing import LOCKS, environment


def transformers(which: str, *options: str) -> EngineSetup:
    """transformers serve, in the version of the environment's lock file."""
    (version,) = re.findall(r"^transformers==(\S+)", (LOCKS / f"{which}.txt").read_text(), re.M)
    command = [str(environment(which) / "transformers"), "serve", "{model}", "--port", "{port}"]
    return EngineSetup(
        family="transformers",
        version=version,
        command=[*command, "--dtype", "float32", *options],
        ready="/health",  # its list of models is of a hub cache that may not be there
        env={"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )


def on_its_cpu(rig: Rig, *engines: EngineSetup) -> Rig:
    """`rig` with these to choose on its CPU."""
    setup = BackendSetup(**dict(rig.backends["cpu"]) | {"engines": list(engines)})
    return rig.model_copy(update={"backends": {"cpu": setup}})
