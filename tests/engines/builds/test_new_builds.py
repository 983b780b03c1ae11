"""Which build is measured where, and beside which: the decision alone."""

from datetime import UTC, datetime, timedelta

import pytest

from bench_pipeline.engines.builds.host import Host
from bench_pipeline.engines.builds.new_builds import (
    Memory,
    Requested,
    Standing,
    Wanted,
    again,
    decide,
    newest_offered,
)
from bench_pipeline.engines.builds.releases import Newest
from bench_pipeline.records.engines import EngineCatalogue, NewBuilds, WatchedPlace
from bench_pipeline.records.rig import BackendSetup, RigBackend
from bench_pipeline.records.yaml.run_head import MeasuredBuild
from tests.engines.conftest import CATALOGUE

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PLACE = RigBackend("rig", "cpu")
POLICY = NewBuilds(min_interval_hours=20)


def ran(*builds: str, succeeded: bool = True) -> list[MeasuredBuild]:
    return [MeasuredBuild(build, succeeded) for build in builds]


def place(offered: str | None = "b11500", measured=(), waiting=False, **watched) -> Standing:
    return Standing(WatchedPlace(place=PLACE.key, **watched), offered, measured, waiting)


def requested(build: str, hours_ago: float) -> Memory:
    at = NOW - timedelta(hours=hours_ago)
    return Memory(requested={PLACE.key: Requested(build=build, at=at)})


def decided(standing: Standing, memory: Memory | None = None) -> Wanted | str:
    wanted, left = decide(POLICY, [standing], memory or Memory(), NOW)
    (outcome,) = [*wanted, *left]
    return outcome


@pytest.mark.parametrize(
    ("measured", "policy", "beside"),
    [
        ([], {}, ()),
        (ran("b11400", "b9999", "b11300"), {}, ("b11400",)),
        ([*ran("b11300"), *ran("b11400", succeeded=False)], {}, ("b11300",)),
        (ran("b11400", "my-own"), {}, ("b11400",)),
        (ran("my-own"), {}, ()),
        (ran("b11400"), {"baseline": "b10068"}, ("b10068",)),
        (ran("b11400"), {"baseline": "my-own"}, ("my-own",)),
        (ran("b11400"), {"baseline": "b11500"}, ()),
    ],
)
def test_a_new_build_is_measured_beside_its_baseline(measured, policy, beside) -> None:
    assert decided(place(measured=measured, **policy)) == Wanted(PLACE.key, "b11500", beside)


@pytest.mark.parametrize(
    ("standing", "memory", "reason"),
    [
        (place(pinned=True), Memory(), "pinned"),
        (place(offered=None), Memory(), "no numbered build"),
        (place(measured=ran("b11500")), Memory(), "measured already"),
        (place(measured=ran("b11500", succeeded=False)), Memory(), "measured already"),
        (place(measured=ran("b11501")), Memory(), "b11500 or a newer build is measured already"),
        (place(), requested("b11500", 1000), "b11500 is requested already"),
        (place(), requested("b11501", 1000), "b11501 is requested already"),
        (place(), requested("b11499", 19.9), "until 2026-11-22 12:06 UTC"),
        (place(waiting=True), Memory(), "still in the queue"),
    ],
)
def test_nothing_is_requested_and_why(standing: Standing, memory: Memory, reason: str) -> None:
    outcome = decided(standing, memory)
    assert isinstance(outcome, str)
    assert outcome.startswith("rig/cpu: ") and reason in outcome


def test_after_the_interval_the_newest_is_requested() -> None:
    assert decided(place(), requested("b11499", 20)) == Wanted(PLACE.key, "b11500")


def test_what_was_requested_is_remembered_as_text() -> None:
    memory = requested("b11400", 30).having_requested([Wanted("other/cpu", "b11500")], NOW)
    assert Memory.read(memory.write()) == memory
    assert set(memory.requested) == {PLACE.key, "other/cpu"}


@pytest.mark.parametrize("lost", [None, "", "b11500", "[]", '{"build": "b1"}'])
def test_a_lost_cursor_is_an_empty_memory(lost: str | None) -> None:
    assert Memory.read(lost) == Memory()


UBUNTU = "llama-b11500-bin-ubuntu-x64.tar.gz"
MACOS = "llama-b11500-bin-macos-arm64.tar.gz"
LINUX = Host("Linux", "x86_64", frozenset({"avx2", "fma", "f16c", "bmi2"}), "2.36")


@pytest.mark.parametrize(
    ("channel", "archives", "host", "offered"),
    [
        ("github-release", [UBUNTU], LINUX, "b11500"),
        (None, [UBUNTU], LINUX, "b11500"),
        ("github-release", [MACOS], LINUX, None),  # not uploaded yet for this system
        ("github-release", [MACOS], None, "b11500"),  # another machine: its system is not known
        ("github-release", [], None, None),
        (None, [], LINUX, "b10068"),  # the newest wheel that needs no AMX
        ("wheel", [UBUNTU], LINUX, "b10068"),
        ("wheel", [UBUNTU], None, "b10434"),
        ("path", [UBUNTU], LINUX, None),
    ],
)
def test_a_place_is_offered_what_its_channel_has(channel, archives, host, offered) -> None:
    newest = Newest(address="http://x", build="b11500", archives=archives)
    setup = BackendSetup(channel=channel, build="b1")
    assert newest_offered(PLACE, setup, CATALOGUE, newest, host) == offered


def test_a_build_that_lies_on_a_rig_is_offered_there_alone() -> None:
    lying = {"channel": "path", "binary": "x", "backends": ["cpu"], "rigs": ["rig"]}
    names = ("b7", "b12", "my-own")
    catalogue = EngineCatalogue(paths=[{"build": name, **lying} for name in names])  # type: ignore[arg-type]
    assert newest_offered(PLACE, BackendSetup(), catalogue, None, None) == "b12"
    elsewhere = RigBackend("other", "cpu")
    assert newest_offered(elsewhere, BackendSetup(), catalogue, None, None) is None


@pytest.mark.parametrize(
    ("standing", "usual", "wanted"),
    [
        (place(measured=ran("b7", "b9")), "b5", ("b9", ("b7",))),
        (place(measured=ran("b7", "b9"), baseline="b5"), None, ("b9", ("b5",))),
        (place(measured=ran("b7", "b9"), pinned=True), "b7", ("b7", ())),
        (place(measured=[*ran("b7"), *ran("b9", succeeded=False)]), None, ("b7", ())),
        (place(), "b5", ("b5", ())),
        (place(), None, None),
    ],
)
def test_each_week_the_current_build_is_measured_beside_its_predecessor(
    standing: Standing, usual: str | None, wanted
) -> None:
    assert again(standing, usual) == (wanted and Wanted(PLACE.key, *wanted))


def test_a_build_that_cannot_be_yet_mutes_nobody() -> None:
    forged = [MeasuredBuild("b999999999", False), MeasuredBuild("b99999", True)]
    standing = Standing(WatchedPlace(place=PLACE.key), "b10500", forged, False)
    wanted, _ = decide(POLICY, [standing], Memory(), NOW)
    assert wanted
