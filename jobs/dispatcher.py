"""The dispatcher: carries what happened to whoever asked to be told, for as long as the process runs.

One loop, a task for each webhook that something is due to, so that a slow receiver holds up its own messages alone.
What is known is in the database: any number of dispatchers may run, and any may be killed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import httpx2

from jobs.courier import Courier, signed
from jobs.tasks import Desk
from ledger import deliveries, events, outbox, webhooks
from ledger.deliveries import Attempt, Letter, Turn
from ledger.economy import SECOND_US

T = TypeVar("T")
DATABASE_THREADS = 2
GRACE_S = 20  # what a turn may take beside sending


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much at once, and how long.

    `webhooks` are served at once, `books` of each; after `share_s` one makes room for those that wait. Killed, a
    dispatcher keeps a webhook from the next for `lease_s`. Where nothing is due, it looks again after `pause_s`.
    """

    lease_s: float
    webhooks: int = 64
    books: int = 8
    share_s: float = 5.0
    pause_s: float = 1.0


@dataclass(slots=True)
class Dispatcher:
    """Sends what is due; `draw` gives a whole number below its argument, by which retries are spread."""

    desk: Desk
    courier: Courier
    bounds: Bounds
    draw: Callable[[int], int] = random.randrange
    threads: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, DATABASE_THREADS, "dispatcher"))

    def run(self) -> None:
        """Until the desk is asked to stop; what is on its way then is waited for, and written down."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}
        while not self.desk.stopping.is_set():
            if await self._look(tasks):
                continue
            if tasks:
                await asyncio.wait(tasks.values(), timeout=self.bounds.pause_s, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(self.bounds.pause_s)
        await asyncio.gather(*tasks.values())

    async def _look(self, tasks: dict[str, asyncio.Task[None]]) -> bool:
        """Relay what happened, and start on the webhooks that something is due to. Whether there is more to relay."""
        for webhook_id in [name for name, task in tasks.items() if task.done()]:
            del tasks[webhook_id]
        try:
            relayed = await self._in_thread(self._relay)
            for webhook_id in await self._in_thread(self._ready):
                if webhook_id not in tasks and len(tasks) < self.bounds.webhooks:
                    tasks[webhook_id] = asyncio.create_task(self._serve(webhook_id))
        except Exception:
            self.desk.log.exception("webhooks failed")
            return False
        return relayed == outbox.LIMIT

    async def _serve(self, webhook_id: str) -> None:
        """Send to one webhook until nothing is due, or others have waited long enough. Never raises."""
        try:
            until_s = time.monotonic() + self.bounds.share_s
            async with self.courier.client() as client:
                while await self._turn(client, webhook_id) and time.monotonic() < until_s:
                    pass
        except Exception:
            self.desk.log.exception("webhooks failed", webhook=webhook_id)
            await asyncio.sleep(self.bounds.pause_s)

    async def _turn(self, client: httpx2.AsyncClient, webhook_id: str) -> bool:
        """Send what may go now, each of another book, and write down what came of it. Whether there was anything."""
        turn = None if self.desk.stopping.is_set() else await self._in_thread(self._take, webhook_id)
        if turn is None:
            return False
        attempts = await asyncio.gather(*(self._attempt(client, turn, each) for each in turn.letters))
        await self._in_thread(self._conclude, turn, attempts)
        return True

    async def _attempt(self, client: httpx2.AsyncClient, turn: Turn, letter: Letter) -> Attempt:
        now_us, begun = self.desk.clock(), time.monotonic()
        delivery = letter.delivery
        secrets = webhooks.secrets(turn.webhook, pepper=self.desk.settings.key("pepper"), now_us=now_us)
        headers = signed(delivery.message_id, letter.body, secrets=secrets, now_us=now_us)
        answer = await self.courier.carry(client, turn.webhook.url, headers=headers, body=letter.body, now_us=now_us)
        attempt = Attempt(delivery, answer.status, answer.error, answer.pause_us)
        self.desk.log.info(
            "webhook sent",
            webhook=delivery.webhook_id,
            sequence=delivery.sequence,
            message=delivery.message_id,
            type=delivery.type,
            attempt=delivery.attempts + 1,
            outcome=attempt.status,
            answered=answer.status,
            error=answer.error,
            ms=int((time.monotonic() - begun) * 1_000),
        )
        return attempt

    # What the database is asked, in threads of its own: nobody's connection waits for it

    async def _in_thread(self, work: Callable[..., T], *told: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *told)

    def _relay(self) -> int:
        if not self.desk.database.read(outbox.waits):
            return 0
        return self.desk.database.write(partial(outbox.relay, now_us=self.desk.clock()))

    def _ready(self) -> list[str]:
        return self.desk.database.read(partial(deliveries.ready, now_us=self.desk.clock(), limit=self.bounds.webhooks))

    def _take(self, webhook_id: str) -> Turn | None:
        take = partial(deliveries.take, webhook_id=webhook_id, lease=events.new_id(), limit=self.bounds.books)
        lasts_us = int(self.bounds.lease_s * SECOND_US)
        return self.desk.database.write(lambda session: take(session, now_us=self.desk.clock(), lasts_us=lasts_us))

    def _conclude(self, turn: Turn, attempts: Sequence[Attempt]) -> None:
        conclude = partial(deliveries.conclude, turn=turn, attempts=attempts, now_us=self.desk.clock(), draw=self.draw)
        if not self.desk.database.write(conclude):
            self.desk.log.warning("webhook taken over by another dispatcher", webhook=turn.webhook.webhook_id)


def dispatcher(desk: Desk) -> Dispatcher:
    """A dispatcher as the settings have it."""
    timeout_s = desk.settings.webhook_timeout_seconds
    courier = Courier(timeout_s, private=desk.settings.webhook_private_networks)
    return Dispatcher(desk, courier, Bounds(lease_s=timeout_s + GRACE_S))
