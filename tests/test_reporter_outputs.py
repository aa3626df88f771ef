"""The outputs of a command, as they are read: small pieces together, several outputs in their order."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Iterator

import pytest

from chef.reporter.process import outputs
from chef.reporter.process.outputs import CommandOutputs

Taken = list[tuple[str, bytes]]


class Command:
    """The writing ends of a command's outputs, and all that was taken of them."""

    def __init__(self) -> None:
        self.taken: Taken = []
        self.selector = selectors.DefaultSelector()
        self.outputs = CommandOutputs(lambda stream, data: self.taken.append((stream, data)), self.selector)
        self.stdout, self.stderr = self.outputs.open()

    def pass_on(self) -> None:
        """Read what can be read, as the pump does."""
        for key, _ in self.selector.select(5):
            self.outputs.pass_on(key.fd)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """A command whose outputs rest so long that a test would notice."""
    monkeypatch.setattr(outputs, "_REST_S", 5.0)
    monkeypatch.setattr(outputs, "_SOON_S", 60.0)
    made = Command()
    yield made
    made.outputs.close()
    made.selector.close()
    for fd in {made.stdout, made.stderr}:
        os.close(fd)


def test_another_output_ends_a_rest_and_comes_behind_what_was_there_before_it(command: Command) -> None:
    def write() -> None:
        os.write(command.stdout, b"3\n")
        os.write(command.stderr, b"4\n")

    os.write(command.stdout, b"1\n")
    command.pass_on()
    os.write(command.stdout, b"2\n")
    writer = threading.Timer(0.1, write)
    writer.start()
    command.pass_on()
    writer.join()
    command.pass_on()
    assert command.taken == [("stdout", b"1\n"), ("stdout", b"2\n"), ("stdout", b"3\n"), ("stderr", b"4\n")]


def test_small_pieces_of_one_output_are_read_together(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_REST_S", 0.3)
    os.write(command.stdout, b"1\n")
    command.pass_on()
    os.write(command.stdout, b"2\n")
    writer = threading.Timer(0.05, lambda: [os.write(command.stdout, b"%d\n" % n) for n in (3, 4, 5)])
    writer.start()
    command.pass_on()
    command.pass_on()
    writer.join()
    assert command.taken == [("stdout", b"1\n"), ("stdout", b"2\n"), ("stdout", b"3\n4\n5\n")]
