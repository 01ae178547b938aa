"""gunicorn's threaded worker with an end to its patience.

As it comes, a thread waits as long as a client takes to send a request: as many slow clients as there are threads, and
nobody else is answered. Here a head has a few seconds, a body a least speed, and an answer has to be taken.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

HEAD_SECONDS = 5.0  # for the head of a request, from its first byte, and for the first bytes of its body
BODY_BYTES_A_SECOND = 16_384  # every so many bytes of a body win a second more
BODY_SECONDS = 120.0  # and no more than this for all of it
SEND_SECONDS = 10.0  # for one piece of an answer to be taken
DRAINED = 16  # reads of what a client has sent already, so that the end of an answer is not lost with it


class Unreader(SocketUnreader):  # type: ignore[misc]
    """What a client sends while it comes in time. Raises NoMoreData, as if the client had gone, once it is late."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.until = self.latest = 0.0
        self.begin()

    def begin(self) -> None:
        """From here on the client has the time for a head."""
        self.until = time.monotonic() + HEAD_SECONDS
        self.latest = self.until + BODY_SECONDS

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next bytes."""
        left = self.until - time.monotonic()
        try:
            self.sock.settimeout(max(left, 0.001))
            data: bytes = super().chunk(size_hint)
        except TimeoutError as late:
            raise NoMoreData from late
        finally:
            self.sock.settimeout(SEND_SECONDS)
        self.until = min(self.until + len(data) / BODY_BYTES_A_SECOND, self.latest)
        return data


class Connection(gthread.TConn):  # type: ignore[misc]
    """A connection whose client is not waited for without end."""

    def init(self) -> None:
        """Make its parser, once, and start the time of a request."""
        super().init()
        if not isinstance(self.parser.unreader, Unreader):
            self.parser.unreader = Unreader(self.sock)
        self.parser.unreader.begin()
        self.sock.settimeout(SEND_SECONDS)  # a request that came with the one before is answered without a read

    def close(self, graceful: bool = False) -> None:
        """End it; `graceful` after what was sent, but waiting for nobody: this runs where connections are taken."""
        if graceful:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
                self.sock.setblocking(False)
                for _ in range(DRAINED):
                    if not self.sock.recv(4096):
                        break
        util.close(self.sock)


gthread.TConn = Connection  # the worker makes its connections by this name


class Worker(gthread.ThreadWorker):  # type: ignore[misc]
    """Threads that are given connections with something to read, and no others."""

    def enqueue_req(self, conn: Connection) -> None:
        """Hand a connection to a thread; a new one that says nothing yet waits where it costs none."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))
