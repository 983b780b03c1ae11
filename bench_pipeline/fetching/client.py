"""The one way to a server that is not ours: proxies and certificates as the environment says.

httpx reads the same variables, but fails with a traceback where one is unusual, and at its
construction, also for hosts that need no proxy. Here a variable is looked at when a request
needs it, and one that cannot be followed is a NetworkError that names it.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.request import getproxies

import httpx

from bench_pipeline.errors import NetworkError
from bench_pipeline.fetching.proxies import SCHEMES, proxy_for, shown


def outside_client(
    timeout: httpx.Timeout | float,
    *,
    headers: Mapping[str, str] | None = None,
    max_redirects: int = 20,
) -> httpx.Client:
    """A client that follows redirects. Besides httpx's own errors, its requests raise NetworkError
    where a proxy or certificates of the environment cannot be used."""
    return httpx.Client(
        timeout=timeout,
        headers=headers,
        follow_redirects=True,
        max_redirects=max_redirects,
        transport=_ByEnvironment(),
        trust_env=False,
    )


class _ByEnvironment(httpx.BaseTransport):
    """Hands each request to the transport for its proxy."""

    def __init__(self) -> None:
        self._told = getproxies()
        self._transports: dict[tuple[str | None, bool], httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        proxy, variable = proxy_for(request.url, self._told) or (None, "")
        secure = "https" in (request.url.scheme, (proxy or "").split(":")[0])
        key = proxy, secure
        if key not in self._transports:
            self._transports[key] = _transport(proxy, variable, secure)
        try:
            return self._transports[key].handle_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if proxy is None:
                raise
            said = str(error) or type(error).__name__
            through = f"{said} (through the proxy {shown(proxy)} of `{variable}`)"
            raise type(error)(through, request=request) from None
        except UnicodeError:  # of the resolver: a redirect may lead to `https://../x`
            raise httpx.UnsupportedProtocol(
                f"`{request.url.host[:60]}` can be no host's name", request=request
            ) from None

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()


def _transport(proxy: str | None, variable: str, secure: bool) -> httpx.HTTPTransport:
    # without TLS nothing is verified, and reading all certificates takes a while
    verify: ssl.SSLContext | bool = certificates() if secure else False
    if proxy is None:
        return httpx.HTTPTransport(verify=verify, trust_env=False)
    context = verify if isinstance(verify, ssl.SSLContext) else None
    encrypted = proxy.startswith("https:")
    if proxy.split("://")[0] not in SCHEMES:
        raise NetworkError(
            f"`{variable}` names {shown(proxy)}, a kind of proxy that cannot be used",
            mend=f"name one whose address begins with {', '.join(SCHEMES)}, or unset it",
        )
    try:
        address = httpx.Proxy(proxy, ssl_context=context if encrypted else None)
        return httpx.HTTPTransport(verify=verify, trust_env=False, proxy=address)
    except ImportError:
        raise NetworkError(
            f"`{variable}` names {shown(proxy)}, a SOCKS proxy, for which the package `socksio` "
            "is missing",
            mend="install it (`.venv/bin/python -m pip install socksio`); or name the HTTP port of "
            "the same proxy in `HTTPS_PROXY`, or this host in `NO_PROXY`",
        ) from None
    except (ValueError, httpx.InvalidURL) as error:
        raise NetworkError(
            f"`{variable}` names {shown(proxy)}, which is no address of a proxy: {error}",
            mend="correct it (`http://host:port`), or unset it",
        ) from None


def certificates() -> ssl.SSLContext:
    """Whom to trust: `SSL_CERT_FILE`, else `SSL_CERT_DIR`, else httpx's own list."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if not (place := os.environ.get(variable)):
            continue
        folder = variable.endswith("DIR")
        try:
            if folder:
                next(Path(place).iterdir(), None)  # OpenSSL takes one that is not there
                return ssl.create_default_context(capath=place)
            return ssl.create_default_context(cafile=place)
        except (OSError, ssl.SSLError) as error:
            raise NetworkError(
                f"`{variable}` names {place}, from which no certificates can be read: "
                f"{error.strerror or error}",
                mend="correct it, or unset it: certificates come with this environment",
            ) from None
    return httpx.create_ssl_context(trust_env=False)
