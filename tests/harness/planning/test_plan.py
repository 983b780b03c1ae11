"""What campaigns want, and which run file makes an item done."""

import pytest
from pydantic import ValidationError

from bench_pipeline.harness.planning.plan import PlanItem, expand, satisfied, wanted_build
from bench_pipeline.paths import Project
from bench_pipeline.records.campaign import Campaign
from bench_pipeline.records.cell import Failure
from bench_pipeline.records.devices import CappedCard, PowerCap
from bench_pipeline.records.engines import EngineCatalogue
from bench_pipeline.records.model import ModelFile
from bench_pipeline.records.rig import BackendSetup, EngineSetup, Rig
from bench_pipeline.records.run import DepthLeftOut
from bench_pipeline.records.yaml.files import read_engines
from bench_pipeline.records.yaml.model_files import read_models
from tests.curve_factories import curve_point
from tests.factories import SMOLLM2, measured_run
from tests.trace_factories import trace

HOMELAB = Rig(
    slug="homelab", title="Homelab", backends={"cpu": BackendSetup(), "vulkan": BackendSetup()}
)
LAPTOP = Rig(slug="laptop", title="Laptop", backends={"cpu": BackendSetup(build="b10068")})
RIGS = {rig.slug: rig for rig in (HOMELAB, LAPTOP)}
SMALL, GEMMA = "smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m"


def plan(project: Project, *campaigns: Campaign) -> list[PlanItem]:
    models, engines = read_models(project.models), read_engines(project.engines)
    return expand({c.slug: c for c in campaigns}, RIGS, models, engines)


def campaign(slug: str = "c", **changes: object) -> Campaign:
    fields = {"title": "T", "why": "W", "places": ["*/cpu"], "models": [SMALL], **changes}
    return Campaign.model_validate({"slug": slug, **fields})


def test_a_pattern_meets_only_backends_that_a_rig_declares(project: Project):
    items = plan(project, campaign(places=["*/vulkan", "laptop/cuda"]))
    assert [item.partition.key for item in items] == ["homelab/vulkan"]


def test_the_build_is_the_rig_files_or_the_newest_catalogued(project: Project):
    builds = {item.rig: item.build for item in plan(project, campaign())}
    assert builds == {"homelab": "b10434", "laptop": "b10068"}


def test_a_backend_without_a_catalogued_build_wants_none(project: Project):
    mac = Rig(slug="mac", title="Mac", backends={"metal": BackendSetup()})
    assert wanted_build(mac, "metal", read_engines(project.engines)) is None


def test_the_same_run_wanted_twice_is_one_item_of_the_first_campaign(project: Project):
    items = plan(project, campaign("a"), campaign("b", models=[SMALL, GEMMA]))
    by_model = {(item.rig, item.model): item.campaign for item in items}
    assert len(items) == len(by_model) == 4
    assert by_model["laptop", SMALL] == "a"
    assert by_model["laptop", GEMMA] == "b"


def test_a_model_that_is_not_catalogued_yet_is_left_out(project: Project):
    assert plan(project, campaign(models=["not-here-yet"])) == []


def test_an_engine_is_not_given_a_model_that_it_cannot_read():
    folder = ModelFile.model_construct(slug="tiny-bf16", file_name="tiny.safetensors", sha256="0")
    file = ModelFile.model_construct(slug="tiny-q8", file_name="tiny.gguf", sha256="1")
    models = {model.slug: model for model in (folder, file)}
    start = ["serve", "{model}", "{port}"]
    others = [EngineSetup(family=name, version="1", command=start) for name in ("dasllama", "vllm")]
    setup = BackendSetup(build="b10434", engines=others)
    rigs = {"box": Rig(slug="box", title="Box", backends={"cpu": setup})}
    every = campaign(models=["*"], builds=["b10434", "dasllama-1", "vllm-1"])
    items = expand({"c": every}, rigs, models, EngineCatalogue())
    assert {(item.build, item.model) for item in items} == {
        ("b10434", "tiny-q8"),
        ("dasllama-1", "tiny-q8"),
        ("vllm-1", "tiny-bf16"),
    }


def item(**changes: object) -> PlanItem:
    run = measured_run()
    fields = {
        "rig": run.rig,
        "backend": run.backend,
        "build": run.engine.build,
        "model": SMOLLM2.slug,
        "model_sha256": SMOLLM2.sha256,
        "profile": run.profile,
        **changes,
    }
    return PlanItem(**fields)


def test_a_full_campaign_climbs_to_the_knee_unless_it_names_its_streams(project: Project):
    (full,) = plan(project, campaign(places=["laptop/cpu"]))
    (quick,) = plan(project, campaign(places=["laptop/cpu"], profile="quick"))
    (named,) = plan(project, campaign(places=["laptop/cpu"], concurrencies=[2]))
    assert (full.concurrencies, quick.concurrencies) == ("knee", (1, 4))
    assert named.concurrencies == (2,)


def test_a_mode_that_cannot_have_an_effect_is_not_wanted(project: Project):
    modes = ["baseline", "reasoning-off", f"draft-{SMALL}", "draft-nobody"]
    items = plan(project, campaign(places=["laptop/cpu"], modes=modes))
    assert [item.mode for item in items] == ["baseline", f"draft-{SMALL}"]


def test_only_a_climb_that_came_to_its_end_satisfies_one_to_the_knee():
    to_the_knee, run = item(concurrencies="knee"), measured_run()
    assert satisfied(item(), [run])
    assert not satisfied(to_the_knee, [run])
    for ended in ("flat", "limit", "failed"):
        climbed = run.ladder.model_copy(update={"ended": ended})
        assert satisfied(to_the_knee, [run.model_copy(update={"ladder": climbed})])


def test_a_run_satisfies_only_what_it_was_asked_for():
    usual, deep = measured_run(), measured_run(parts=["deep"], cells=[], ladder=None)
    assert not satisfied(item(parts=("deep",)), [usual])
    assert not satisfied(item(), [deep])
    assert satisfied(item(parts=("deep",)), [deep])
    both = measured_run(parts=["usual", "deep"])
    assert satisfied(item(), [both]) and satisfied(item(parts=("deep",)), [both])


def test_a_depth_is_done_when_it_was_measured_or_left_out_with_its_reason():
    short = DepthLeftOut(depth_tokens=8192, why="time", message="it would take too long")
    point = curve_point(2048, decode_tok_s=100.0, prefill_tok_s=700.0)
    run = measured_run(
        parts=["deep"], cells=[], ladder=None, curves=[point], depths_left_out=[short]
    )
    assert satisfied(item(parts=("deep",), depths=(2048, 8192)), [run])
    assert not satisfied(item(parts=("deep",), depths=(2048, 4096)), [run])


def test_a_conversation_that_was_disturbed_is_played_again():
    wanted = item(parts=("conversations",))
    for kind, done in (("contaminated", False), ("refused", True)):
        told = trace(failure=Failure(kind=kind, message="why"))
        run = measured_run(parts=["conversations"], cells=[], ladder=None, conversations=[told])
        assert satisfied(wanted, [run]) is done


def test_models_that_reason_are_asked_not_to_where_only_scripts_are_played(project: Project):
    thinks = ["qwen3-4b-q4_k_m", SMALL]
    asked = {"places": ["laptop/cpu"], "models": thinks, "parts": ["conversations"]}
    modes = {each.model: each.mode for each in plan(project, campaign(**asked))}
    assert modes == {"qwen3-4b-q4_k_m": "reasoning-off", SMALL: "baseline"}
    named = plan(project, campaign(**asked, modes=["baseline"]))
    assert {each.mode for each in named} == {"baseline"}


def test_depths_and_turns_that_mean_nothing_are_refused():
    with pytest.raises(ValidationError, match="`depths` are of part `deep`"):
        campaign(depths=[4096])
    with pytest.raises(ValidationError, match="leave out `parts`"):
        campaign(in_turns=True, builds=["b1", "b2"], parts=["deep"])


def test_a_run_of_the_same_everything_satisfies():
    assert satisfied(item(), [measured_run()])


def test_a_full_run_satisfies_a_quick_item_but_not_the_reverse():
    assert satisfied(item(profile="quick"), [measured_run(profile="full")])
    assert not satisfied(item(profile="full"), [measured_run(profile="quick")])


def test_another_build_model_file_rig_or_concurrency_does_not_satisfy():
    for change in (
        {"build": "b1"},
        {"model_sha256": "0" * 64},
        {"rig": "elsewhere"},
        {"backend": "vulkan"},
        {"mode": "reasoning-off"},
        {"concurrencies": (1, 4, 8)},
    ):
        assert not satisfied(item(**change), [measured_run()]), change


def test_a_failure_that_would_repeat_counts_as_made_one_that_may_pass_does_not():
    def failed(kind: str) -> list:
        failure = Failure.model_validate({"kind": kind, "message": "m"})
        return [measured_run(status="failed", failure=failure, cells=[])]

    assert satisfied(item(), failed("oom"))
    assert satisfied(item(), failed("load"))
    assert not satisfied(item(), failed("crash"))
    assert not satisfied(item(), failed("hang"))


def test_patterns_name_models_in_their_order_each_once(project: Project):
    items = plan(project, campaign(places=["laptop/cpu"], models=["gemma-3-*", "*270m*", SMALL]))
    assert [item.model for item in items] == [GEMMA, SMALL]


def test_what_is_excluded_matches_every_key_that_is_given(project: Project):
    both = {"models": [SMALL, GEMMA], "modes": ["baseline", f"draft-{SMALL}"]}
    exclude = [{"models": ["gemma-*"], "places": ["laptop/*"]}, {"modes": ["draft-*"]}]
    items = plan(project, campaign(**both, exclude=exclude))
    assert {(item.rig, item.model, item.mode) for item in items} == {
        ("homelab", SMALL, "baseline"),
        ("homelab", GEMMA, "baseline"),
        ("laptop", SMALL, "baseline"),
    }
    with pytest.raises(ValidationError, match="it would exclude everything"):
        campaign(exclude=[{}])


def test_each_run_is_wanted_under_each_cap_where_there_is_a_card(project: Project):
    wanted = plan(project, campaign(places=["homelab/*"], power_caps_w=[200, 250]))
    assert [(item.backend, item.power_cap_w) for item in wanted] == [
        ("vulkan", 200),
        ("vulkan", 250),
    ]
    assert wanted[0].told.endswith(", 200 W")
    with pytest.raises(ValidationError, match="a cap is named twice"):
        campaign(power_caps_w=[200, 200])


def test_only_a_run_whose_cap_was_set_satisfies_one_under_a_cap():
    card = CappedCard(pcie_address="0000:0a:00.0", found_w=300, read_back_w=200)
    cap = PowerCap(asked_w=200, by="nvml", settled_s=2, cards=[card])
    capped, found = measured_run(power_cap=cap), measured_run(power_cap_w=200)
    assert satisfied(item(power_cap_w=200), [capped])
    assert not satisfied(item(power_cap_w=200), [found])
    assert not satisfied(item(power_cap_w=250), [capped])
    assert satisfied(item(), [found])
    assert not satisfied(item(), [capped])


def test_some_workloads_are_satisfied_by_all_and_never_the_reverse(project: Project):
    (some,) = plan(project, campaign(places=["laptop/cpu"], workloads=["chat", "rag"]))
    assert some.workloads == ("chat", "rag") and some.told.endswith(", chat and rag only")
    chat = measured_run(workloads=["chat"], asked_workloads=["chat"])
    assert satisfied(item(workloads=("chat",)), [chat])
    assert satisfied(item(workloads=("chat",)), [measured_run()])
    assert not satisfied(item(workloads=("chat", "rag")), [chat])
    assert not satisfied(item(), [chat])
    with pytest.raises(ValidationError, match="leave out `workloads`"):
        campaign(workloads=["chat"], in_turns=True, builds=["b1", "b2"])


def test_a_higher_priority_comes_first(project: Project):
    items = plan(project, campaign("a"), campaign("b", models=[GEMMA], priority=1))
    assert [item.campaign for item in items] == ["b", "b", "a", "a"]


def test_setups_of_a_backend_are_places_with_its_builds(project: Project):
    rig = Rig(
        slug="quad",
        title="Quad",
        backends={"vulkan": BackendSetup(), "vulkan-igpu": BackendSetup(device="Vulkan1")},
    )
    models, engines = read_models(project.models), read_engines(project.engines)
    wanted = campaign(places=["quad/vulkan*"])
    items = expand({"c": wanted}, {"quad": rig}, models, engines)
    assert [item.partition.key for item in items] == ["quad/vulkan", "quad/vulkan-igpu"]
    assert {item.build for item in items} == {"b10434"}
    assert not satisfied(items[1], [measured_run(rig="quad", backend="vulkan")])
