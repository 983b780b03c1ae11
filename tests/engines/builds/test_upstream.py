"""Asking for upstream's newest build, over real sockets."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bench_pipeline.engines.builds.releases import RELEASES_API, NoAnswer, redirected
from bench_pipeline.engines.builds.upstream import LONGEST_WAIT, ask_newest, newest_today
from bench_pipeline.records.engines import ReleaseChannel
from tests.engines.builds.releases import ARCHIVES, Releases


def channel(url: str) -> ReleaseChannel:
    return ReleaseChannel(channel="github-release", api=url, assets={})


def silence(upstream: Releases, **options: float) -> NoAnswer:
    with pytest.raises(NoAnswer) as caught:
        ask_newest(channel(upstream.url), None, **options)
    return caught.value


def test_it_learns_the_tag_and_the_archives_that_lie_ready(upstream: Releases) -> None:
    newest = ask_newest(channel(upstream.url + "/"), None)
    assert newest.build == "b11500"
    assert newest.archives == [name.format(build="b11500") for name in ARCHIVES]


def test_an_archive_still_on_its_way_up_does_not_lie_ready(upstream: Releases) -> None:
    body = b'{"tag_name": "b7", "assets": [{"name": "a", "state": "starter"}, {"name": "b"}]}'
    upstream.instead = (200, {}, body)
    assert ask_newest(channel(upstream.url), None).archives == ["b"]


def test_an_unchanged_release_is_not_sent_again(upstream: Releases) -> None:
    first = ask_newest(channel(upstream.url), None)
    assert ask_newest(channel(upstream.url), first) is first
    assert (upstream.asked, upstream.answered) == ([None, first.etag], [200, 304])


def test_another_address_is_asked_afresh(upstream: Releases) -> None:
    other = ask_newest(channel(upstream.url), None).model_copy(update={"address": "http://x"})
    ask_newest(channel(upstream.url), other)
    assert upstream.asked == [None, None]


def test_the_newest_is_asked_for_once_a_day(
    upstream: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path))
    assert newest_today(channel(upstream.url), timeout_s=5) == "b11500"
    upstream.version = "v0.3.1"
    upstream.publish("b11501")
    upstream.names = "b11501"
    assert newest_today(channel(upstream.url), timeout_s=5) == "b11500"
    assert len(upstream.answered) == 1
    file = tmp_path / "engines" / "upstream-newest.json"
    remembered = json.loads(file.read_text())
    remembered["asked_at"] = "2026-01-01T00:00:00Z"
    file.write_text(json.dumps(remembered))
    assert newest_today(channel(upstream.url), timeout_s=5) == "b11501"


def test_without_an_answer_the_last_one_counts_where_its_build_lies_here(
    upstream: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_PIPELINE_CACHE", str(tmp_path))
    monkeypatch.setattr("bench_pipeline.engines.builds.upstream.ASKED_AGAIN_AFTER", timedelta())
    newest_today(channel(upstream.url), timeout_s=5)
    upstream.instead = (503, {}, b"")
    with pytest.raises(NoAnswer):
        newest_today(channel(upstream.url), timeout_s=5)
    (tmp_path / "engines" / "github-release" / "b11500").mkdir(parents=True)
    assert newest_today(channel(upstream.url), timeout_s=5) == "b11500"


def test_the_environment_names_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    releases = channel("https://api.example.org")
    monkeypatch.delenv(RELEASES_API)
    assert redirected(releases) is releases
    monkeypatch.setenv(RELEASES_API, "http://127.0.0.1:1/")
    assert redirected(releases).api == "http://127.0.0.1:1"


def test_a_server_that_is_down_is_silence(upstream: Releases) -> None:
    upstream.down()
    assert "Connection refused" in str(silence(upstream))
    upstream.up()


@pytest.mark.parametrize("url", ["no address", "http://127.0.0.1:port", "http://[::1"])
def test_an_address_that_is_none_is_silence(url: str) -> None:
    with pytest.raises(NoAnswer, match="cannot be asked"):
        ask_newest(channel(url), None)


def test_an_answer_in_drops_is_given_up(upstream: Releases) -> None:
    """Though each byte comes long before the time is up."""
    upstream.drop_s = 0.02
    body = json.dumps({"tag_name": "b1", "body": "x" * 1000}).encode()
    upstream.instead = (200, {}, body)
    assert "took longer than 0.3 s" in str(silence(upstream, timeout_s=0.3))
    assert upstream.dropped < len(body) / 2


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>Welcome to the hotel</html>", "no release of a build: Invalid JSON"),
        (200, b"", "no release of a build: Invalid JSON"),
        (200, b"[" * 100_000, "no release of a build: Invalid JSON"),
        (200, b"[1, 2]", "no release of a build: Input should be an object"),
        (200, b'{"assets": []}', "`tag_name`: Field required"),
        (200, b'{"tag_name": ["b1"]}', "`tag_name`: Input should be a valid string"),
        (200, b'{"tag_name": "b1", "assets": null}', "`assets`: Input should be a valid array"),
        (200, b" " * (5 * 2**20), "larger than 4 MiB"),
        (304, b"", "answers 304"),
        (502, b"Bad Gateway", "answers 502"),
    ],
    ids=lambda value: str(value)[:24] if not isinstance(value, bytes) else "",
)
def test_nonsense_is_silence_with_its_reason(
    upstream: Releases, status: int, body: bytes, reason: str
) -> None:
    upstream.instead = (status, {}, body)
    silent = silence(upstream)
    assert reason in str(silent)
    assert silent.not_before is None


ARCHIVES_THERE = [name.format(build="b11500") for name in ARCHIVES]


def test_builds_that_are_prereleases_are_found_by_the_version_that_names_one(
    upstream: Releases,
) -> None:
    upstream.publish("b11507")
    upstream.version, upstream.names = "v0.6.0", "b11500\n"
    newest = ask_newest(channel(upstream.url), None)
    assert (newest.build, newest.archives) == ("b11500", ARCHIVES_THERE)
    assert upstream.others == [("b11500", 200)]


def test_a_version_that_did_not_change_costs_upstream_nothing(upstream: Releases) -> None:
    upstream.version, upstream.names = "v0.6.0", "b11500"
    first = ask_newest(channel(upstream.url), None)
    assert ask_newest(channel(upstream.url), first) is first
    assert upstream.answered == [200, 304]
    assert upstream.others == [("b11500", 200), ("b11500", 304)]


def test_archives_that_came_after_a_version_named_their_build_are_seen(upstream: Releases) -> None:
    upstream.publish("b11501", ARCHIVES[:1])
    upstream.version, upstream.names = "v0.6.0", "b11501"
    first = ask_newest(channel(upstream.url), None)
    upstream.publish("b11501")
    second = ask_newest(channel(upstream.url), first)
    assert (len(first.archives), len(second.archives)) == (1, 2)
    assert upstream.answered == [200, 304]


@pytest.mark.parametrize("names", [None, "", "soon", "v0.6.0", "b99999"])
def test_where_no_build_is_named_the_newest_of_all_counts(
    upstream: Releases, names: str | None
) -> None:
    upstream.publish("b9999")
    upstream.version, upstream.names = "v0.6.0", names
    newest = ask_newest(channel(upstream.url), None)
    assert (newest.build, newest.archives) == ("b11500", ARCHIVES_THERE)
    assert ask_newest(channel(upstream.url), newest) is newest
    assert upstream.others == [("releases", 200), ("releases", 304)]
    upstream.names = "b9999"
    assert ask_newest(channel(upstream.url), newest).build == "b9999", "it is looked at each time"


def test_where_all_are_prereleases_the_newest_of_all_counts(upstream: Releases) -> None:
    upstream.version = ""
    assert ask_newest(channel(upstream.url), None).build == "b11500"


def test_a_build_that_was_tagged_a_moment_ago_is_not_the_newest_yet(upstream: Releases) -> None:
    upstream.publish("b11509", ())
    upstream.version = ""
    assert ask_newest(channel(upstream.url), None).build == "b11500"


def test_a_list_without_a_build_is_silence(upstream: Releases) -> None:
    upstream.version = "v0.6.0"
    upstream.withdraw("b11500")
    upstream.publish("v0.5.0")
    assert "none of upstream's 1 newest releases is a build" in str(silence(upstream))


def test_a_rate_limit_says_until_when(upstream: Releases) -> None:
    reset = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=37)
    for status, headers, until in (
        (403, {"X-RateLimit-Reset": str(int(reset.timestamp()))}, reset),
        (429, {"Retry-After": "120"}, timedelta(seconds=120)),
        (429, {"Retry-After": format_datetime(reset, usegmt=True)}, reset),
        (403, {"Retry-After": "60", "X-RateLimit-Reset": "9999999999"}, timedelta(minutes=1)),
        (403, {"X-RateLimit-Reset": "9999999999"}, LONGEST_WAIT),
        (429, {"Retry-After": "9" * 40}, LONGEST_WAIT),
    ):
        upstream.instead = (status, headers, b"{}")
        asked = datetime.now(UTC)
        moment = silence(upstream).not_before
        answered = datetime.now(UTC)
        if isinstance(until, datetime):
            assert moment == until, headers
        else:
            assert moment is not None and asked + until <= moment <= answered + until, headers
        assert silence(upstream).mend.startswith("wait until then")
    for headers in ({}, {"Retry-After": "soon"}, {"X-RateLimit-Reset": "1e99"}):
        upstream.instead = (403, headers, b"{}")
        assert silence(upstream).not_before is None
        assert silence(upstream).mend.startswith("wait an hour")
