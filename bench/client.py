"""Viewers that keep what they saw, and a network that breaks: what the driver in C is too simple for."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

_SEQ = re.compile(rb'"seq":(\d+)')
_EPOCH = re.compile(rb'"epoch":"([^"]+)"')
_BLOCK = 256 * 1024
_UPGRADE = (
    b"GET /ws/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_LOST = (ConnectionError, asyncio.IncompleteReadError, EOFError)


def mask(text: str, opcode: int = 1) -> bytes:
    """A client's frame; a mask of zeros leaves the text as it is."""
    data = text.encode()
    head = bytes([0x80 | opcode, 0x80 | len(data)]) if len(data) < 126 else b""
    head = head or bytes([0x80 | opcode, 0x80 | 126]) + struct.pack(">H", len(data))
    return head + bytes(4) + data


def frames(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole frames out of a buffer; their payloads."""
    place = 0
    while len(buffer) - place >= 2:
        length, head = buffer[place + 1] & 127, 2
        if length >= 126:
            head = 4 if length == 126 else 10
            if len(buffer) - place < head:
                break
            length = int.from_bytes(buffer[place + 2 : place + head], "big")
        if len(buffer) - place < head + length:
            break
        yield bytes(buffer[place + head : place + head + length])
        place += head + length
    del buffer[:place]


class SocketViewer:
    """A Socket.IO connection that subscribes to one job. `acknowledged` is when it was told so."""

    def __init__(self, port: int, **wanted: object) -> None:
        self._port = port
        self._subscribe = f"420{json.dumps(['subscribe:job', wanted])}"
        self.acknowledged = 0.0
        self.epoch: str | None = None

    async def events(self) -> AsyncIterator[list[bytes]]:
        """The packets of events as they come, what came together in one list. Ends with the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=_BLOCK)
        try:
            writer.write(_UPGRADE)
            await reader.readuntil(b"\r\n\r\n")
            buffer = bytearray()
            while data := await reader.read(_BLOCK):
                buffer += data
                found = [packet for packet in frames(buffer) if self._is_event(packet, writer)]
                if found:
                    yield found
        finally:
            writer.close()

    def _is_event(self, packet: bytes, writer: asyncio.StreamWriter) -> bool:
        if packet.startswith(b"42"):
            return True
        if packet == b"2":
            writer.write(mask("3"))
        elif packet.startswith(b"0"):
            writer.write(mask("40"))
        elif packet.startswith(b"40"):
            writer.write(mask(self._subscribe))
        elif packet.startswith(b"43"):
            self.acknowledged = asyncio.get_running_loop().time()
            epoch = _EPOCH.search(packet)
            self.epoch = epoch[1].decode() if epoch else None
        return False


class Deaf:
    """A viewer that subscribes to a job and never reads, nor answers a ping. `port` is its own."""

    def __init__(self, server_port: int, job: str) -> None:
        self._socket = socket.socket()
        # As little as the kernel gives: what is not read is to wait in the server.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", server_port))
        self.port: int = self._socket.getsockname()[1]
        subscribe = mask(f'420["subscribe:job",{{"jobId":"{job}","after":0}}]')
        self._socket.sendall(_UPGRADE + mask("40") + subscribe)

    def close(self) -> None:
        self._socket.close()


@dataclass
class Seen:
    """The seqs that a viewer had, in the order in which they came."""

    seqs: list[int] = field(default_factory=list)
    connections: int = 0
    finished: float = 0.0

    @property
    def last(self) -> int:
        return self.seqs[-1] if self.seqs else 0

    def take(self, seqs: list[int], last: int) -> bool:
        """Add seqs; whether the last that there will be is among them."""
        self.seqs += seqs
        if seqs and seqs[-1] >= last:
            self.finished = asyncio.get_running_loop().time()
        return bool(self.finished)

    def faults(self, first: int, last: int) -> int:
        """How many seqs of `first` to `last` are missing, twice, or not in order."""
        wanted = range(first, last + 1)
        missing = len(set(wanted) - set(self.seqs))
        wrong = sum(1 for one, next_one in zip(self.seqs, self.seqs[1:], strict=False) if next_one <= one)
        return missing + wrong


def seqs_of(packets: list[bytes]) -> list[int]:
    """The seqs in some packets, one each."""
    found = (_SEQ.search(packet) for packet in packets)
    return [int(match[1]) for match in found if match]


async def follow(port: int, job: str, last: int) -> Seen:
    """A viewer that resumes with `after` and `epoch` until it has seen the last event."""
    seen, epoch = Seen(), None
    while not seen.finished:
        resume = {"after": seen.last} | ({"epoch": epoch} if epoch else {})
        viewer = SocketViewer(port, jobId=job, **resume)
        with suppress(*_LOST):
            seen.connections += 1
            async for packets in viewer.events():
                if seen.take(seqs_of(packets), last):
                    break
        epoch = viewer.epoch or epoch
        await asyncio.sleep(0.02)
    return seen


async def follow_stream(port: int, job: str, last: int) -> Seen:
    """The same with server-sent events and `Last-Event-ID`, as an EventSource does it."""
    seen = Seen()
    while not seen.finished:
        with suppress(*_LOST):
            seen.connections += 1
            async for seqs in _stream(port, job, seen.last):
                if seen.take(seqs, last):
                    break
        await asyncio.sleep(0.02)
    return seen


async def _stream(port: int, job: str, after: int) -> AsyncIterator[list[int]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_BLOCK)
    try:
        head = f"GET /api/jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        writer.write(f"{head}Last-Event-ID: {after}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        event = b""
        while line := await reader.readline():
            event += line
            # An event counts when the blank line after it has come.
            if line in (b"\n", b"\r\n") or event.endswith(b"\n\r\n"):
                found = re.search(rb"^id: ?(\d+)", event, re.MULTILINE)
                event = b""
                if found:
                    yield [int(found[1])]
    finally:
        writer.close()


class Breaker:
    """A way to a server that breaks each connection with RST after 200 to 800 ms, while `broken`."""

    def __init__(self, port: int, chance: random.Random) -> None:
        self._server_port = port
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()
        self.broken = True
        self.cuts = 0
        self.port = 0

    async def __aenter__(self) -> Breaker:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        tasks = [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))]
        self._tasks.update(tasks)
        lifetime = self._chance.uniform(0.2, 0.8) if self.broken else None
        _, pending = await asyncio.wait(tasks, timeout=lifetime, return_when=asyncio.FIRST_COMPLETED)
        self.cuts += len(pending) == 2
        for task in pending:
            task.cancel()
        for end in (writer, back):
            _reset(end)
        self._tasks.difference_update(tasks)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(_BLOCK):
            writer.write(data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
