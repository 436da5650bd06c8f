"""So much is listened to, and no more: in messages, in bytes, and over time."""

from hypothesis import given, strategies as st

from custom_components.smartair.pysmartair.protocol.budget import ALLOWANCES, Allowance, Bucket
from custom_components.smartair.pysmartair.protocol.topics import Channel

FEW = Allowance(rate=2, burst=5, byte_rate=100, byte_burst=1_000)


def passed(bucket: Bucket, now: float, count: int, size: int = 1) -> int:
    return sum(bucket.take(now, size) for _ in range(count))


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    bucket = Bucket(FEW, 0)
    assert passed(bucket, 0, 20) == 5
    assert passed(bucket, 1, 20) == 2
    assert passed(bucket, 1000, 20) == 5


def test_bytes_count_as_well() -> None:
    bucket = Bucket(FEW, 0)
    assert passed(bucket, 0, 5, 400) == 2
    assert not bucket.take(1, 400)
    assert bucket.take(3, 400)
    assert bucket.take(3, 100)


@given(st.lists(st.tuples(st.floats(0, 10), st.integers(0, 2_000)), max_size=200))
def test_never_more_than_the_allowance(turns: list[tuple[float, int]]) -> None:
    bucket, now, count, size = Bucket(FEW, 0), 0.0, 0, 0
    for pause, one in turns:
        now += pause
        if bucket.take(now, one):
            count, size = count + 1, size + one
    assert count <= FEW.burst + FEW.rate * now + 1e-6
    assert size <= FEW.byte_burst + FEW.byte_rate * now + 1e-6


def test_everything_that_a_device_can_say_has_an_allowance() -> None:
    said = set(Channel) - {Channel.CONFIG, Channel.COMMANDS, Channel.OTA}
    assert set(ALLOWANCES) == said
