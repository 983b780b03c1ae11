"""Asking for upstream's newest build, over real sockets."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bench_pipeline.engines.builds.upstream import (
    LONGEST_WAIT,
    RELEASES_API,
    NoAnswer,
    ask_newest,
    redirected,
)
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


def test_the_environment_names_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    releases = channel("https://api.example.org")
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
    upstream.drop_s = 0.02
    begun = time.monotonic()
    assert "took longer than 0.3 s" in str(silence(upstream, timeout_s=0.3))
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"<html>Welcome to the hotel</html>", "no release of a build: Invalid JSON"),
        (200, b"", "no release of a build: Invalid JSON"),
        (200, b"[" * 100_000, "no release of a build: Invalid JSON"),
        (200, b"[1, 2]", "no release of a build: Input should be an object"),
        (200, b'{"assets": []}', "`tag_name`: Field required"),
        (200, b'{"tag_name": "v0.9.0"}', "`tag_name`: String should match"),
        (200, b'{"tag_name": "../b1"}', "`tag_name`: String should match"),
        (200, b'{"tag_name": "b1", "assets": null}', "`assets`: Input should be a valid array"),
        (200, b" " * (5 * 2**20), "larger than 4 MiB"),
        (304, b"", "answers 304"),
        (404, b"{}", "answers 404"),
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
