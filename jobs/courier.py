"""The courier: one message to one receiver, signed, within its time, and what came back in a few words.

A receiver is a stranger. It may be slow, endless, gone, somewhere else, or wish to see what is behind our walls: it
gets the message at an address that was looked at, and we read its status and little more.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import version

import httpx2
from standardwebhooks import Webhook as Signer

from jobs import addresses
from ledger.economy import SECOND_US

AGENT = f"trust-ledger-webhooks/{version('trust-ledger')}"
RESOLVERS = 32
MOST_ADDRESSES = 4
MOST_BODY_BYTES = 16_384
BODY_S = 1.0
TOO_BUSY = (429, 503)
# Why there is no answer: never in the words of whoever is at the other end.
REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (addresses.Forbidden, "the address is not allowed"),
    (TimeoutError, "no answer in time"),
    (httpx2.TimeoutException, "no answer in time"),
    (socket.gaierror, "the host's name is not known"),
    (UnicodeError, "the host's name is not known"),
    (httpx2.InvalidURL, "the address cannot be read"),
    (ssl.SSLCertVerificationError, "the certificate is not valid"),
    (ssl.SSLError, "no TLS connection"),
    (ConnectionRefusedError, "the connection was refused"),
    (httpx2.ConnectError, "no connection"),
    (httpx2.HTTPError, "the answer broke off, or was none"),
    (OSError, "no connection"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or why none; `pause_us` is how long the receiver asks to be left alone."""

    status: int | None
    error: str | None = None
    pause_us: int = 0


@dataclass(frozen=True, slots=True)
class Courier:
    """Sends, and waits `timeout_s` in all for the name, the connection and a status. `private` allows any address."""

    timeout_s: float
    private: bool = False
    lookup: addresses.Lookup = addresses.look_up
    tls: ssl.SSLContext = field(default_factory=httpx2.create_ssl_context)
    resolvers: Executor = field(default_factory=partial(ThreadPoolExecutor, RESOLVERS, "resolver"))

    def client(self) -> httpx2.AsyncClient:
        """Connections to one webhook's receiver: no proxy, no redirect, no password from the environment."""
        return httpx2.AsyncClient(verify=self.tls, trust_env=False, follow_redirects=False)

    async def carry(
        self, client: httpx2.AsyncClient, url: str, *, headers: dict[str, str], body: bytes, now_us: int
    ) -> Answer:
        """Send one message; never raises for what the receiver does."""
        try:
            async with asyncio.timeout(self.timeout_s):
                response = await self._post(client, httpx2.URL(url), headers, body)
        except (httpx2.HTTPError, httpx2.InvalidURL, addresses.Forbidden, OSError, UnicodeError) as error:
            return Answer(None, reason(error))
        await _hang_up(response)
        return answer_of(response, now_us)

    async def _post(
        self, client: httpx2.AsyncClient, url: httpx2.URL, headers: dict[str, str], body: bytes
    ) -> httpx2.Response:
        """The answer to a POST, up to its headers, of the first of the host's addresses that takes the connection."""
        if url.scheme != "https" and not self.private:
            raise addresses.Forbidden
        waits = httpx2.Timeout(self.timeout_s, connect=self.timeout_s / 2).as_dict()
        more = {"timeout": waits, "sni_hostname": url.raw_host.decode()}
        named = {**headers, "Host": url.netloc.decode()}  # by hand, so that no cookie of an earlier answer goes along
        for address in (found := await self._addresses(url)):
            request = httpx2.Request("POST", url.copy_with(host=address), headers=named, content=body, extensions=more)
            try:
                return await client.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if address == found[-1]:
                    raise
        raise OSError("the name has no address")

    async def _addresses(self, url: httpx2.URL) -> Sequence[str]:
        port = url.port or (443 if url.scheme == "https" else 80)
        look = partial(addresses.allowed, url.raw_host.decode(), port, private=self.private, lookup=self.lookup)
        return (await asyncio.get_running_loop().run_in_executor(self.resolvers, look))[:MOST_ADDRESSES]


async def _hang_up(response: httpx2.Response) -> None:
    """Read what little of the body lets the connection be used again; end the connection where there is more."""
    read = 0
    with suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(BODY_S):
            async for part in response.aiter_raw():
                read += len(part)
                if read > MOST_BODY_BYTES:
                    break
    await response.aclose()


def answer_of(response: httpx2.Response, now_us: int) -> Answer:
    """What a response says."""
    status = response.status_code
    if 200 <= status < 300:
        return Answer(status)
    pause_us = asked_pause_us(response.headers.get("retry-after", ""), now_us) if status in TOO_BUSY else 0
    if 300 <= status < 400:
        return Answer(status, f"answered {status}: redirects are not followed")
    return Answer(status, f"answered {status}", pause_us)


def asked_pause_us(header: str, now_us: int) -> int:
    """How long a Retry-After asks to wait, in microseconds; 0 where it cannot be read."""
    if header.isascii() and header.isdigit() and len(header) < 10:
        return int(header) * SECOND_US
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return 0
    at_us = int(at.replace(tzinfo=at.tzinfo or UTC).timestamp()) * SECOND_US
    return max(0, at_us - now_us)


def reason(error: BaseException) -> str:
    """Why there is no answer, in words of ours."""
    for cause in _causes(error):
        for kind in (ssl.SSLCertVerificationError, ssl.SSLError, ConnectionRefusedError):
            if isinstance(cause, kind):
                error = cause
    return next(text for kind, text in REASONS if isinstance(error, kind))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause = error.__cause__ or error.__context__
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def signed(message_id: str, body: bytes, *, secrets: Sequence[str], now_us: int) -> dict[str, str]:
    """The headers of a message as Standard Webhooks has them, with a signature by each secret that is good now."""
    at = datetime.fromtimestamp(now_us // SECOND_US, UTC)
    text = body.decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "Accept-Encoding": "identity",
        "webhook-id": message_id,
        "webhook-timestamp": str(now_us // SECOND_US),
        "webhook-signature": " ".join(Signer(secret).sign(message_id, at, text) for secret in secrets),
    }
