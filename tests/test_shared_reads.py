"""Equal reads that wait at the same time are one, and none is older than its question."""

from __future__ import annotations

import gevent
from gevent.event import Event

from chef.live.sharedreads import SharedReads


class Slow:
    """A read that ends when it is let go; each has the number of its turn."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = Event()
        self.fails = False

    def __call__(self, key: str) -> tuple[str, int]:
        self.begun += 1
        number = self.begun
        self.go.wait()
        if self.fails:
            raise ValueError(number)
        return key, number


def test_who_comes_while_a_read_runs_shares_the_next() -> None:
    read = Slow()
    together = SharedReads(read)
    first = gevent.spawn(together, "job")
    gevent.sleep(0)
    later = [gevent.spawn(together, "job") for _ in range(5)]
    gevent.sleep(0)
    assert read.begun == 1
    read.go.set()
    assert first.get(timeout=30) == ("job", 1)
    assert {one.get(timeout=30) for one in later} == {("job", 2)}


def test_other_keys_do_not_wait() -> None:
    read = Slow()
    together = SharedReads(read)
    greenlets = [gevent.spawn(together, key) for key in ("a", "b")]
    gevent.sleep(0)
    assert read.begun == 2
    read.go.set()
    assert [one.get(timeout=30)[0] for one in greenlets] == ["a", "b"]


def test_all_who_share_a_read_get_its_error_and_the_next_reads_again() -> None:
    read = Slow()
    read.fails = True
    read.go.set()
    together = SharedReads(read)
    greenlets = [gevent.spawn(together, "job") for _ in range(3)]
    gevent.joinall(greenlets)
    assert all(isinstance(one.exception, ValueError) for one in greenlets)
    read.fails = False
    assert together("job")[0] == "job"


def test_one_that_is_killed_leaves_nobody_waiting() -> None:
    read = Slow()
    together = SharedReads(read)
    running = gevent.spawn(together, "job")
    gevent.sleep(0)
    leader, other = (gevent.spawn(together, "job") for _ in range(2))
    gevent.sleep(0)
    leader.kill()
    running.kill()
    other.join(timeout=30)
    assert other.ready()
    read.go.set()
    with gevent.Timeout(5):
        assert together("job")[0] == "job"


def test_one_at_a_time_is_read_each_time() -> None:
    read = Slow()
    read.go.set()
    together = SharedReads(read)
    assert [together("job") for _ in range(3)] == [("job", number) for number in (1, 2, 3)]
