"""Reading logs."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.simcluster.calls import PODS, Hands

from fairlead.simcluster.api.answers import Answer, LogAnswer
from fairlead.simcluster.controllers.pods import restart

LOG = f"{PODS}/a/log"


def _hands(image: str = "i", *, up: bool = True) -> Hands:
    hands = Hands()
    spec = {"containers": [{"name": "c", "image": image}]}
    hands.call("POST", PODS, {"metadata": {"name": "a"}, "spec": spec})
    if up:
        hands.settle(2.0)
    return hands


def _print(hands: Hands, *texts: str) -> None:
    for text in texts:
        hands.clock.now += 1
        hands.state.logs.write(hands.get(f"{PODS}/a")["metadata"]["uid"], "c", (hands.clock.now, text))


def _read(hands: Hands, query: str = "") -> str:
    answer = hands.answer("GET", LOG + query)
    assert isinstance(answer, Answer)
    assert answer.code == 200, answer.pieces
    return b"".join(answer.pieces).decode()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "c started\none\ntwo\n"),
        ("?tailLines=1", "two\n"),
        ("?tailLines=0", ""),
        ("?tailLines=9", "c started\none\ntwo\n"),
        ("?sinceSeconds=1", "one\ntwo\n"),
        ("?limitBytes=4", "c st"),
        ("?container=c&sinceTime=2027-01-15T08:00:04Z", "two\n"),
    ],
)
def test_a_part_is_read(query: str, text: str) -> None:
    """By tail, age and size."""
    hands = _hands()
    _print(hands, "one", "two")

    assert _read(hands, query) == text


def test_the_previous_run_is_kept_apart() -> None:
    """400 while there is none."""
    hands = _hands()
    code, document = hands.call("GET", LOG + "?previous=true")
    _print(hands, "one")
    entry = hands.state.store.get("pods", "default/a")
    assert entry is not None
    restart(hands.state, entry, "", 1)

    assert (code, document["message"]) == (400, 'previous terminated container "c" in pod "a" not found')
    assert _read(hands, "?previous=true") == "c started\none\n"
    assert _read(hands) == "c started\n"
    assert _read(hands, "?previous=true&follow=true") == "c started\none\n"


def test_a_container_that_waits_has_no_log() -> None:
    """400 with the reason; nothing at all before a node is found."""
    assert hands_message(_hands("i:broken")).endswith("is waiting to start: ImagePullBackOff")
    nowhere = Hands(nodes=0)
    nowhere.call("POST", PODS, {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    answer = nowhere.answer("GET", LOG)

    assert isinstance(answer, Answer)
    assert answer.code == 204


def hands_message(hands: Hands) -> str:
    """The message of a log that is refused."""
    code, document = hands.call("GET", LOG)
    assert code == 400
    message: str = document["message"]
    return message


def test_a_follower_gets_each_line_once_until_the_end() -> None:
    """A limit ends it too, and so does a new pod under the old name."""
    hands = _hands()
    answers: list[Any] = [hands.answer("GET", LOG + query) for query in ("?follow=true", "?follow=true&limitBytes=12")]
    full, limited = [answer.cursor for answer in answers if isinstance(answer, LogAnswer)]
    first = full.take()
    _print(hands, "one")

    assert (first, full.take(), full.take(), full.ended) == (b"c started\n", b"one\n", b"", False)
    assert (limited.take(), limited.ended) == (b"c started\non", True)
    hands.call("DELETE", f"{PODS}/a?gracePeriodSeconds=0")
    hands.settle(2.0)
    hands.call("POST", PODS, {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    hands.settle(2.0)
    assert (full.take(), full.ended) == (b"", True)
