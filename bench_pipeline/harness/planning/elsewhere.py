"""Which build a run is planned with on a machine that is not this one."""

from bench_pipeline.engines.builds.releases import PATIENT_S, redirected
from bench_pipeline.errors import EngineError
from bench_pipeline.harness.planning.plan import wanted_build
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.rig import BackendName, Rig


def build_elsewhere(rig: Rig, backend: BackendName, catalogue: EngineCatalogue) -> str:
    """The rig file's, else the newest that there is: whether its CPU can run that, is seen there.
    EngineError if no build is known, or upstream does not say which is its newest."""
    from bench_pipeline.engines.builds.upstream import newest_today  # httpx: only who asks

    if build := wanted_build(rig, backend, catalogue):
        return build
    if catalogue.releases is None:
        raise EngineError(
            f"no build is known for backend `{backend}`",
            mend="name one that lies on the rig: --build NAME, as docs/engines.md says",
            where=f"{rig.slug}/{backend}",
        )
    return newest_today(redirected(catalogue.releases), timeout_s=PATIENT_S)
