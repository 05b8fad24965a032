"""Three lanes and one window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fairlead.bridge.core.lanes import TUNNEL_LIMIT_BYTES, Lanes


def drain(lanes: Lanes[str]) -> list[str]:
    """Take everything that may be sent now."""
    taken = []
    while (frame := lanes.next()) is not None:
        taken.append(frame)
    return taken


def test_control_overtakes_data() -> None:
    """A control frame goes out before data that waited longer."""
    lanes: Lanes[str] = Lanes(100, 100)
    lanes.put_data("data", 10)
    lanes.put_control("control", 10)

    assert drain(lanes) == ["control", "data"]


def test_the_window_bounds_data() -> None:
    """Data waits for acknowledgements when the window is used up; control does not."""
    lanes: Lanes[str] = Lanes(100, 100)
    numbers = [lanes.put_data(name, 60) for name in "abc"]

    assert numbers == [1, 2, 3]
    assert drain(lanes) == ["a"]
    assert not lanes.has_room
    lanes.put_control("control", 10)
    assert drain(lanes) == ["control"]
    assert lanes.acknowledged(1) == [1]
    assert drain(lanes) == ["b"]


def test_a_frame_larger_than_the_window_travels_alone() -> None:
    """One oversized frame goes when nothing else is under way, so that it never waits for ever."""
    lanes: Lanes[str] = Lanes(100, 100)
    lanes.put_data("small", 10)
    lanes.put_data("large", 500)

    assert drain(lanes) == ["small"]
    lanes.acknowledged(1)
    assert drain(lanes) == ["large"]
    assert lanes.in_flight_bytes == 500


def test_control_is_bounded() -> None:
    """Control frames over the limit are refused; one alone always passes."""
    lanes: Lanes[str] = Lanes(100, 100)

    assert lanes.put_control("a", 500)
    assert not lanes.put_control("b", 1)
    assert drain(lanes) == ["a"]
    assert lanes.put_control("b", 1)


def test_acknowledgements_of_what_was_not_sent() -> None:
    """An acknowledgement settles what was sent, never what waits, and each frame once."""
    lanes: Lanes[str] = Lanes(10, 100)
    lanes.put_data("a", 10)
    lanes.put_data("b", 10)
    lanes.next()

    assert lanes.acknowledged(99) == [1]
    assert lanes.acknowledged(99) == []


@given(st.integers(1, 50), st.lists(st.tuples(st.sampled_from(["data", "control", "next", "ack"]), st.integers(1, 80))))
def test_accounts_balance(window: int, steps: list[tuple[str, int]]) -> None:
    """Whatever the order of things, the window holds, numbers settle once and in order, nothing is lost."""
    lanes: Lanes[tuple[int, int]] = Lanes(window, 200)
    put, sent, settled = 0, [], []
    for step, size in steps:
        if step == "data":
            put = lanes.put_data((put + 1, size), size)
        elif step == "control":
            lanes.put_control((0, size), size)
        elif step == "next":
            frame = lanes.next()
            sent += [frame] if frame and frame[0] else []
        else:
            settled += lanes.acknowledged(size)
        under_way = [size for _, size in sent[len(settled) :]]
        assert sum(under_way) == lanes.in_flight_bytes
        assert sum(under_way) <= window or len(under_way) == 1
    for _ in range(put):
        sent += [frame for frame in [lanes.next(), *(lanes.next() for _ in range(len(steps)))] if frame and frame[0]]
        settled += lanes.acknowledged(put)
    assert [number for number, _ in sent] == settled == list(range(1, put + 1))


def test_tunnels_take_turns() -> None:
    """One frame of each tunnel after the other, in the order of each; control overtakes them."""
    lanes: Lanes[str] = Lanes(100, 100)
    for name in ("a1", "a2", "a3", "b1"):
        assert lanes.put_tunnel(name[0], name, 10)
    lanes.put_tunnel("c", "c1", 10)
    lanes.put_control("control", 10)

    assert drain(lanes) == ["control", "a1", "b1", "c1", "a2", "a3"]
    assert not lanes.has_tunnels


def test_tunnels_share_the_link_with_data() -> None:
    """By bytes, half each, however large the frames are; whoever is alone has all of it, and owes nothing for that."""
    lanes: Lanes[str] = Lanes(10_000, 100)
    for _ in range(8):
        lanes.put_tunnel("a", "alone", 64)
    assert drain(lanes) == ["alone"] * 8
    for _ in range(5):
        lanes.put_data("data", 1000)
    for _ in range(100):
        lanes.put_tunnel("a", "t", 100)
    sent = drain(lanes)

    first = sent[: sent.index("data", 40)]
    assert 900 <= first.count("data") * 1000 - first.count("t") * 100 + 1000 <= 2100
    assert sent.count("data") == 5
    assert sent.count("t") == 100


def test_a_full_window_of_data_does_not_stop_tunnels() -> None:
    """A database that is away holds batches back, and no answer of a cluster."""
    lanes: Lanes[str] = Lanes(100, 100)
    lanes.put_data("d1", 90)
    lanes.put_data("d2", 90)
    lanes.put_tunnel("a", "t1", 10)
    lanes.put_tunnel("a", "t2", 10)

    assert drain(lanes) == ["d1", "t1", "t2"]


def test_a_tunnel_is_bounded() -> None:
    """What waits of one has a limit that concerns no other."""
    lanes: Lanes[str] = Lanes(100, 100)

    assert lanes.put_tunnel("a", "a1", TUNNEL_LIMIT_BYTES)
    assert not lanes.put_tunnel("a", "a2", 1)
    assert lanes.put_tunnel("b", "b1", 1)
    assert drain(lanes) == ["a1", "b1"]
    assert lanes.put_tunnel("a", "a3", 1)
