"""Which proxy a request goes through, as people and desktops write it."""

import httpx
import pytest

from bench_pipeline.fetching.proxies import proxy_for, shown

HUB = "https://hub.example.org/a"


def asked(url: str, **told: str) -> str | None:
    found = proxy_for(httpx.URL(url), told)
    return found and found[0]


@pytest.mark.parametrize(
    ("told", "proxy"),
    [
        ({}, None),
        ({"https": "http://p:1"}, "http://p:1"),
        ({"http": "http://p:1"}, None),
        ({"all": "http://p:1"}, "http://p:1"),
        ({"https": "http://p:1", "all": "http://q:2"}, "http://p:1"),
        ({"all": "p:1"}, "http://p:1"),
        ({"all": "SOCKS://p:1/"}, "socks5://p:1/"),
        ({"all": "socks5h://p:1"}, "socks5h://p:1"),
        ({"all": "  "}, None),
    ],
)
def test_the_proxy_of_the_scheme_goes_before_the_one_of_all(told, proxy) -> None:
    assert asked(HUB, **told) == proxy


def test_the_variable_that_names_it_is_known() -> None:
    assert proxy_for(httpx.URL(HUB), {"all": "p:1"}) == ("http://p:1", "ALL_PROXY")
    assert proxy_for(httpx.URL(HUB), {"https": "p:1"}) == ("http://p:1", "HTTPS_PROXY")


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("*", HUB),
        ("hub.example.org", HUB),
        ("HUB.example.ORG", HUB),
        ("example.org", HUB),
        (".example.org", HUB),
        ("*.example.org", HUB),
        ("one.net two.net,example.org", HUB),
        ("one.net; example.org", HUB),
        ("hub.example.org:443", HUB),
        ("https://hub.example.org", HUB),
        ("localhost", "http://localhost:8000/"),
        ("127.0.0.1", "http://127.0.0.1:8000/"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000/"),
        ("127.0.0.0/8", "http://127.3.2.1/"),
        ("::1", "http://[::1]:8000/"),
        ("[::1]", "http://[::1]:8000/"),
        ("[::1]:8000", "http://[::1]:8000/"),
        ("fd00::/8", "http://[fd00::12]/"),
        ("[fd00::]/8", "http://[fd00::12]/"),
    ],
)
def test_hosts_of_no_proxy_are_asked_directly(entry: str, url: str) -> None:
    assert asked(url, all="http://p:1", no=entry) is None


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("", HUB),
        (",, ,", HUB),
        (".", HUB),
        ("other.org", HUB),
        ("ample.org", HUB),
        ("hub.example.org:8443", HUB),
        ("http://hub.example.org", HUB),
        ("127.0.0.1", "http://127.0.0.2/"),
        ("127.0.0.1:80", "http://127.0.0.1:8000/"),
        ("10.0.0.0/8", HUB),
        ("10.0.0.0/99", "http://10.0.0.1/"),
        ("[::1]", "http://[::2]/"),
        ("[::1", "http://[::1]/"),
        ("[nonsense]", HUB),
        ("::ffff:0:0/96", HUB),
    ],
)
def test_other_hosts_are_not_and_no_entry_can_break_it(entry: str, url: str) -> None:
    assert asked(url, all="http://p:1", no=entry) == "http://p:1"


def test_a_password_is_not_shown() -> None:
    assert shown("http://me:secret@proxy:1") == "http://proxy:1"
    assert shown("http://proxy:1/@") == "http://proxy:1/@"
