"""Whether what a server says of itself is what was asked for."""

from bench_pipeline.engines.dialects.protocol import Proof, Unlike
from bench_pipeline.records.rig import EngineSetup


def check_proof(
    told: Proof, setup: EngineSetup, model: str, slots: int, context_tokens: int
) -> None:
    """Unlike where it says another thing; of what it does not say nothing is known."""
    if told.version not in (None, setup.version):
        raise Unlike(f"it says that it is version {told.version}")
    if told.model not in (None, model):
        raise Unlike(f"it has loaded {told.model or 'no model'}")
    for what, there, wanted in (
        ("slots", told.slots, slots),
        ("tokens of context for each stream", told.context, context_tokens),
    ):
        if there is not None and there < wanted:
            raise Unlike(f"it has {there:,} {what}, {wanted:,} were asked for")
