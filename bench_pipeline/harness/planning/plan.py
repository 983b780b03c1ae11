"""Which runs are wanted, and whether a run file satisfies one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bench_pipeline.harness.planning.modes import draft_slug, mode_for
from bench_pipeline.harness.planning.profiles import PROFILES, Concurrencies
from bench_pipeline.records.campaign import Campaign, DiskPolicy, Exclude, Mode, Part, Profile
from bench_pipeline.records.cell import FailureKind
from bench_pipeline.records.engines import EngineCatalogue, build_number
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import (
    Backend,
    BackendName,
    BackendSetup,
    Rig,
    RigBackend,
    plain_backend,
)
from bench_pipeline.records.run import LLAMA_CPP, Run

LASTING_FAILURES: frozenset[FailureKind] = frozenset({"oom", "load", "spilled", "refused"})
"""A repetition would fail the same way, so such a run counts as made. The others may pass."""


@dataclass(frozen=True)
class PlanItem:
    """One run to make."""

    rig: str
    backend: BackendName
    build: str
    model: str
    model_sha256: str
    mode: Mode = "baseline"
    profile: Profile = "quick"
    concurrencies: Concurrencies = (1, 4)
    workloads: tuple[str, ...] = ()
    """Only these; empty: all."""
    beside: tuple[str, ...] = ()
    """Builds to measure `build` in turns with, in a session of the sentinel's cells."""
    power_cap_w: float | None = None
    """To set for each card; None: as it is found."""
    disk_policy: DiskPolicy = field(default="keep", compare=False)
    """What becomes of the model's file."""
    parts: tuple[Part, ...] = ("usual",)
    depths: tuple[int, ...] = ()
    """Of part `deep`; none: as far as it goes."""
    campaign: str | None = field(default=None, compare=False)
    """The first that wants it; the same run wanted twice is one item."""

    @property
    def partition(self) -> RigBackend:
        return RigBackend(self.rig, self.backend)

    @property
    def plain_backend(self) -> Backend:
        """`cuda` of `cuda-2x`."""
        return plain_backend(self.backend)

    @property
    def engine(self) -> str:
        """The family that `build` is of, by its name."""
        if "-" not in self.build:
            return LLAMA_CPP
        from bench_pipeline.engines.dialects.families import FAMILIES  # with all that asks servers

        named = [family for family in FAMILIES if self.build.startswith(f"{family}-")]
        return max(named, key=len, default=LLAMA_CPP)

    @property
    def draws_curve(self) -> bool:
        """And asks the engine without its server: of part `usual`, where every workload is wanted.
        An engine of another family does neither."""
        return "usual" in self.parts and not self.workloads and self.engine == LLAMA_CPP

    @property
    def told(self) -> str:
        """In words: `qwen3-4b-q4_k_m on box/cuda, b10434, reasoning-off, 200 W`."""
        turns = f" in turns with {', '.join(self.beside)}" if self.beside else ""
        mode = f", {self.mode}" if self.mode != "baseline" else ""
        cap = f", {self.power_cap_w:g} W" if self.power_cap_w is not None else ""
        some = f", {' and '.join(self.workloads)} only" if self.workloads else ""
        parts = f", {' and '.join(self.parts)}" if self.parts != ("usual",) else ""
        return f"{self.model} on {self.partition.key}, {self.build}{turns}{mode}{some}{parts}{cap}"


def wanted_build(rig: Rig, backend: BackendName, catalogue: EngineCatalogue) -> str | None:
    """The build that a rig's backend runs when nobody names one.

    The rig file's, else the newest catalogued one for that backend. None: only the release
    channel has one, and its newest is not known without asking upstream. Whether the CPU can
    run it is for `engines.catalogue.choose` to say, on the rig.
    """
    setup, plain = rig.backends[backend], plain_backend(backend)
    if setup.build:
        return setup.build
    builds = [p.build for p in catalogue.paths if plain in p.backends and rig.slug in p.rigs]
    if not builds and setup.channel != "github-release":
        builds = [w.build for w in catalogue.wheels if plain in w.backends]
    return max(builds, key=build_number, default=None)


def expand(
    campaigns: Mapping[str, Campaign],
    rigs: Mapping[str, Rig],
    models: Mapping[str, ModelFile],
    catalogue: EngineCatalogue,
) -> list[PlanItem]:
    """Every run that the campaigns want, in their order, each once.

    A pattern in `places` meets only backends that a rig declares; a model that is not (or not
    yet) in the catalogue is left out, as are one that the engine cannot read and a backend with no
    build.
    """
    wanted: dict[PlanItem, None] = {}
    keys = [RigBackend.parse(key) for rig in rigs.values() for key in rig.partition_keys]
    for campaign in sorted(campaigns.values(), key=lambda each: -each.priority):
        slugs = _named(campaign.models, models)
        places = [key for key in keys if any(fnmatchcase(key.key, p) for p in campaign.places)]
        for place in places:
            usual = wanted_build(rigs[place.rig], place.backend, catalogue)
            for build, beside in _builds(campaign, usual):
                for slug in slugs:
                    if not _is_read(models[slug], rigs[place.rig].backends[place.backend], build):
                        continue
                    for mode in _modes(campaign, models[slug]):
                        if not _can_be(mode, models[slug], models):
                            continue
                        if _excluded(campaign, place.key, slug, (build, *beside), mode):
                            continue
                        for cap_w in _caps(campaign, place):
                            item = PlanItem(
                                rig=place.rig,
                                backend=place.backend,
                                build=build,
                                model=slug,
                                model_sha256=models[slug].sha256,
                                mode=mode,
                                profile=campaign.profile,
                                concurrencies=_concurrencies(campaign),
                                workloads=tuple(campaign.workloads or ()),
                                beside=beside,
                                parts=tuple(campaign.parts),
                                depths=tuple(campaign.depths or ()),
                                power_cap_w=cap_w,
                                disk_policy=campaign.disk_policy,
                                campaign=campaign.slug,
                            )
                            wanted.setdefault(item)
    return list(wanted)


def satisfied(item: PlanItem, runs: Iterable[Run]) -> bool:
    """Whether one of `runs` is what `item` asks for. A full run satisfies a quick item."""
    return any(_satisfies(run, item) for run in runs)


def _satisfies(run: Run, item: PlanItem) -> bool:
    if (
        run.provenance != "measured"
        or (run.rig, run.backend, run.engine.asked_as, run.mode)
        != (item.rig, item.backend, item.build, item.mode)
        or run.model.sha256 != item.model_sha256
        or (run.power_cap.asked_w if run.power_cap else None) != item.power_cap_w
        or (run.profile == "quick" and item.profile == "full")
    ):
        return False
    if not run.measures.issuperset(item.parts):
        return False
    if item.beside:
        wanted = {item.build, *item.beside}
        return (
            run.session is not None
            and wanted <= set(run.session.builds)
            and run.session.ended != "failed"
        )
    if run.session is not None:
        return False  # it holds the sentinel's cells alone
    if run.failure is not None:
        return run.failure.kind in LASTING_FAILURES
    if run.asked_workloads and not item.workloads:
        return False
    if not set(item.workloads) <= {cell.workload for cell in run.cells}:
        return False
    measured = (*run.cells, *run.curves, *(run.conversations or ()))
    if item.parts == ("usual",):
        measured = tuple(run.cells)
    if any(m.failure and m.failure.kind not in LASTING_FAILURES for m in measured):
        return False
    reached = {point.depth_tokens for point in run.curves}
    reached |= {left_out.depth_tokens for left_out in run.depths_left_out or ()}
    if not reached.issuperset(item.depths):
        return False
    if "usual" not in item.parts:
        return True
    if item.concurrencies == "knee":
        return run.ladder is not None and run.ladder.ended != "asked"
    return set(item.concurrencies) <= {cell.concurrency for cell in run.cells}


def _modes(campaign: Campaign, model: ModelFile) -> Sequence[Mode]:
    if "modes" in campaign.model_fields_set or "usual" in campaign.parts:
        return campaign.modes
    return [mode_for(tuple(campaign.parts), model)]


def _can_be(mode: Mode, model: ModelFile, models: Mapping[str, ModelFile]) -> bool:
    """A mode that cannot have an effect would stand in the queue forever."""
    draft = draft_slug(mode)
    return model.reasons if mode == "reasoning-off" else draft is None or draft in models


def _is_read(model: ModelFile, setup: BackendSetup, build: str) -> bool:
    """Whether the engine reads models of that format."""
    families = {engine.build: engine.family for engine in setup.engines}
    if (family := families.get(build)) is None:
        return model.format == "gguf"
    from bench_pipeline.engines.dialects.families import FAMILIES  # with all that asks servers

    dialect = FAMILIES.get(family)
    return dialect is None or model.format in dialect.formats


def _named(patterns: Iterable[str], models: Mapping[str, ModelFile]) -> list[str]:
    """The catalogue's models that are named, each once, in order of the patterns."""
    found: dict[str, None] = {}
    for pattern in patterns:
        found |= dict.fromkeys(slug for slug, m in models.items() if m.is_named(pattern))
    return list(found)


def _excluded(
    campaign: Campaign, place: str, model: str, builds: Sequence[str], mode: Mode
) -> bool:
    """Whether one of its `exclude` matches: a pattern of each key that it has."""

    def matches(exclude: Exclude) -> bool:
        named = (
            (exclude.places, [place]),
            (exclude.models, [model]),
            (exclude.builds, builds),
            (exclude.modes, [mode]),
        )
        return all(
            any(fnmatchcase(value, pattern) for value in values for pattern in patterns)
            for patterns, values in named
            if patterns
        )

    return any(matches(exclude) for exclude in campaign.exclude)


def _builds(campaign: Campaign, usual: str | None) -> list[tuple[str, tuple[str, ...]]]:
    """Each build to measure, with those that are measured in turns with it."""
    builds = campaign.builds or ([usual] if usual else [])
    if not campaign.in_turns:
        return [(build, ()) for build in builds]
    *older, newest = sorted(set(builds), key=build_number)
    return [(newest, tuple(older))]


def _caps(campaign: Campaign, place: RigBackend) -> Sequence[float | None]:
    if campaign.power_caps_w is None:
        return (None,)
    return () if plain_backend(place.backend) == "cpu" else campaign.power_caps_w


def _concurrencies(campaign: Campaign) -> Concurrencies:
    if campaign.concurrencies is None:
        return PROFILES[campaign.profile].concurrencies
    return "knee" if campaign.concurrencies == "knee" else tuple(campaign.concurrencies)
