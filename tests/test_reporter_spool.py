"""The spool: output that waits, in memory, on disk, and of too much the newest."""

from __future__ import annotations

import random
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chef.reporter.sending import spool
from chef.reporter.sending.sender import Sender
from chef.reporter.sending.spool import Spool
from chef.reporter.target import Target


def read_all(one: Spool, stream: str) -> tuple[int, bytes]:
    """Where a stream begins in the spool, and all of it from there on."""
    place = start = one.start(stream)
    found = b""
    while data := one.read(stream, place, 100_000, float("inf"))[0]:
        found += data
        place += len(data)
    return start, found


def test_what_does_not_fit_into_memory_is_on_disk_and_the_same() -> None:
    one = Spool(memory_bytes=200_000, disk_bytes=10_000_000)
    chance, sent = random.Random(1), {"a": b"", "b": b""}
    for _ in range(400):
        stream, data = chance.choice("ab"), chance.randbytes(chance.randrange(1, 20_000))
        one.put(stream, data)
        sent[stream] += data
    assert sum(file.size for file in one._files) > 2_000_000
    assert one._in_memory < 500_000
    assert {stream: read_all(one, stream) for stream in sent} == {
        name: (0, data) for name, data in sent.items()
    }
    half = len(sent["a"]) // 2
    one.confirm("a", half)
    assert read_all(one, "a")[1] == sent["a"][one.start("a") :]
    assert 0 < one.start("a") <= half
    one.close()
    assert (one.waiting, one._in_memory, len(one._files)) == (0, 0, 0)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 90_000), st.booleans()), max_size=60),
    st.randoms(),
)
def test_of_too_much_the_oldest_is_dropped_and_the_rest_is_as_it_was(
    puts: list[tuple[str, int, bool]], chance: random.Random
) -> None:
    # Closed however the example ends, which hypothesis may do anywhere.
    with closing(Spool(memory_bytes=100_000, disk_bytes=400_000)) as one:
        put_and_check(one, puts, chance)


def put_and_check(one: Spool, puts: list[tuple[str, int, bool]], chance: random.Random) -> None:
    sent = {"a": b"", "b": b""}
    for stream, size, ends_line in puts:
        data = bytes([len(sent[stream]) % 251]) * size
        one.put(stream, data, ends_line)
        sent[stream] += data
        if chance.random() < 0.2:
            one.seal()
        if chance.random() < 0.2:
            one.confirm(stream, one.start(stream) + chance.randrange(100_000))
    assert sum(file.size for file in one._files) <= 400_000 + spool.BLOCK_BYTES
    waiting = 0
    for stream, data in sent.items():
        start, found = read_all(one, stream)
        assert found == data[start:]
        waiting += len(found)
    assert one.waiting == waiting <= 1_000_000


def test_all_that_did_not_arrive_is_counted_also_where_the_spool_had_no_room_for_it() -> None:
    target = Target("http://127.0.0.1:9", None, "job", "web", {}, is_new=True)
    sender = Sender(target, "0", Spool(memory_bytes=64 * 1024, disk_bytes=256 * 1024))
    for number in range(100_000):
        sender.output(["stdout", "stderr"][number % 2], b"a line of the output\n")
    assert sender.spool.waiting < 1_000_000
    assert sender.shortfall.bytes == 2_100_000
    sender.spool.close()
    sender.output("stdout", b"more\n")
    assert sender.shortfall.bytes == 2_100_005


def test_a_disk_that_is_full_loses_the_oldest_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool, "SpoolFile", refuse)
    one = Spool(memory_bytes=100_000)
    for number in range(50):
        one.put("a", bytes([number]) * 20_000)
    start, found = read_all(one, "a")
    assert found == b"".join(bytes([number]) * 20_000 for number in range(50))[start:]
    assert 0 < len(found) <= 300_000


def test_many_small_lines_of_two_streams_take_little_room_while_nobody_reads() -> None:
    one = Spool(memory_bytes=1_000_000)
    for number in range(100_000):
        one.put("ab"[number % 2], b"line\n")
    assert one.blocks < 60_000
    assert len(read_all(one, "a")[1]) == 250_000
