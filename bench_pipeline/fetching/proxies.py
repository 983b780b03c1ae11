"""Through which proxy a request goes, by the variables that other programs read too.

`HTTP_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` name proxies, `NO_PROXY` the hosts that are asked
directly. What people write there is older than any standard: a proxy without a scheme, GNOME's
`socks://`, IPv6 addresses with and without brackets, networks, ports, domains with a dot or a star.
"""

import ipaddress
import re
from collections.abc import Mapping
from contextlib import suppress

import httpx

SCHEMES = ("http", "https", "socks5", "socks5h")
"""What a proxy may be."""


def proxy_for(url: httpx.URL, told: Mapping[str, str]) -> tuple[str, str] | None:
    """Address of the proxy for `url` and the variable that names it; None: it is asked directly.

    `told`: what `urllib.request.getproxies()` tells, by scheme, with `all` and `no`.
    """
    if _direct(url, told.get("no", "")):
        return None
    for key in (url.scheme, "all"):
        if address := told.get(key, "").strip():
            return _normal(address), f"{key.upper()}_PROXY"
    return None


def shown(address: str) -> str:
    """`address` without the name and password that it may hold."""
    return re.sub(r"//[^/]*@", "//", address)


def _normal(address: str) -> str:
    """With a scheme; `socks:` says no version, and is 5 wherever a desktop writes it."""
    if "://" not in address:
        return f"http://{address}"
    scheme, rest = address.split("://", 1)
    return f"{'socks5' if scheme.lower() == 'socks' else scheme.lower()}://{rest}"


def _direct(url: httpx.URL, entries: str) -> bool:
    return any(_covers(entry, url) for entry in re.split(r"[\s,;]+", entries) if entry)


def _covers(entry: str, url: httpx.URL) -> bool:
    """Whether an entry of NO_PROXY means the host of `url`."""
    if entry == "*":
        return True
    scheme, _, rest = entry.rpartition("://")
    if scheme and scheme.lower() not in (url.scheme, "all"):
        return False
    network, port = _network(rest)
    if network is None:
        name, _, port = rest.partition(":")
        domain = name.lower().lstrip("*").lstrip(".").rstrip(".")
        host = url.host.lower().rstrip(".")
        found = bool(domain) and (host == domain or host.endswith(f".{domain}"))
    else:
        found = False
        with suppress(ValueError):  # a name is in no network
            found = ipaddress.ip_address(url.host.split("%")[0]) in network
    return found and (not port or port == str(url.port or _USUAL_PORTS.get(url.scheme)))


_USUAL_PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(
    r"\[(?P<bracketed>[^\]]+)\](?P<bits6>/\d+)?(?::(?P<port6>\d+))?"
    r"|(?P<bare>[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:/\d+)?)"
    r"|(?P<v4>[0-9.]+(?:/\d+)?)(?::(?P<port4>\d+))?"
)


def _network(
    text: str,
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network | None, str | None]:
    """The addresses that an entry means and its port; None of what is a name."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return None, None
    bracketed = match["bracketed"] and match["bracketed"] + (match["bits6"] or "")
    try:
        network = ipaddress.ip_network(bracketed or match["bare"] or match["v4"], strict=False)
    except ValueError:
        return None, None
    return network, match["port6"] or match["port4"]
