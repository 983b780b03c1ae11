"""What a run learns of its cards from the first server, and what it says of them."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from bench_pipeline.engines.llama_cpp.placement import Placement
from bench_pipeline.harness.run_record import RunRecord, awake, model_record
from bench_pipeline.paths import checkout
from bench_pipeline.records.devices import EngineDevice, Gpu
from bench_pipeline.records.inventory import Cpu, Inventory, Memory, OperatingSystem
from bench_pipeline.records.model import ModelPart
from bench_pipeline.records.yaml.model_files import read_models


def card(slot, cap_w=None, **more):
    return Gpu(
        index=slot,
        vendor="nvidia",
        name="NVIDIA RTX A2000",
        memory_mib=12282,
        pcie_address=f"0000:{slot:02x}:00.0",
        power_cap_w=cap_w,
        **more,
    )


@pytest.fixture
def record():
    def make(gpus, listed, held):
        inventory = Inventory(
            cpu=Cpu(model="any"),
            memory=Memory(total_mib=65536),
            os=OperatingSystem(name="any"),
            gpus=gpus,
            engine_devices=[
                EngineDevice(id=f"CUDA{n}", name="NVIDIA RTX A2000", total_mib=11900)
                for n in range(listed)
            ],
        )
        anything = SimpleNamespace(backend="cuda", started=None)
        made = RunRecord(anything, anything, anything, anything, inventory)
        made.devices = held
        return made

    return make


def test_a_run_ends_as_long_after_its_start_as_it_took_though_the_clock_is_put_back(record):
    made = record([], 0, [])
    assert abs(made._ended_at() - datetime.now(UTC)) < timedelta(seconds=5)
    made.started_at += timedelta(hours=2)  # as the clock stood then
    made._started_s -= 600
    assert made._ended_at() - made.started_at >= timedelta(seconds=600)


def test_the_cap_is_that_of_the_card_that_held_the_model(record):
    assert record([card(1, 70), card(2, 50)], 2, ["CUDA1"])._power_cap_w() == 50


def test_the_cap_of_several_cards_is_their_sum_and_unknown_where_one_s_is(record):
    assert record([card(1, 70), card(2, 50)], 2, ["CUDA0", "CUDA1"])._power_cap_w() == 120
    assert record([card(1, 70), card(2)], 2, ["CUDA0", "CUDA1"])._power_cap_w() is None


def test_of_a_card_that_cannot_be_told_nothing_is_claimed_and_the_run_says_why(record):
    made = record([card(1, 70), card(2, 50)], 1, ["CUDA0"])
    assert made._power_cap_w() is None
    [sentence] = made.unknown()
    assert sentence.startswith("Which card here the engine computes on cannot be told (CUDA0: ")


def test_the_engine_s_log_tells_what_names_could_not(record):
    made = record([card(1, 70), card(2, 50)], 1, ["CUDA0"])
    made.learn(Placement(addresses={"CUDA0": "0000:02:00.0"}))
    assert (made._power_cap_w(), made.unknown()) == (50, [])
    assert made.inventory.engine_devices[0].pcie_address == "0000:02:00.0"


def test_a_card_that_woke_is_taken_as_it_is_now_and_the_others_as_they_were():
    before = [card(1, 70), card(2, None, asleep=True)]
    now = [card(1, 65), card(2, 50)]
    assert awake(before, now) == [card(1, 70), card(2, 50)]
    assert awake(before, []) == before


@pytest.mark.parametrize("path", ["/home/jo/secret-client/m.gguf", "~/secret-client/m.gguf"])
def test_of_a_model_s_file_on_this_machine_only_its_name_is_published(path):
    model = next(iter(read_models(checkout().models).values()))
    parts = [ModelPart(source=f"file:{path}")]
    assert model_record(model.model_copy(update={"parts": parts})).source == "file:m.gguf"
