"""Error classes and the line that tells an error with its causes."""

from __future__ import annotations

import pytest

from fairlead.runtime.errors import TEXT_LIMIT, ConfigurationError, PoisonMessage, TransientError, chain, unwrapped


def raised(*texts: str) -> Exception:
    """An error with causes, outermost first."""
    try:
        if len(texts) > 1:
            raise ValueError(texts[0]) from raised(*texts[1:])
        raise ValueError(texts[0])
    except ValueError as error:
        return error


def test_chain_tells_causes_outermost_first() -> None:
    """Each text stands once, in one line; an error without a text is told by its class."""
    assert chain(raised("cannot list pods", "no answer", "", "no answer")) == "cannot list pods: no answer: ValueError"
    assert chain(raised("two\n  lines")) == "two lines"


def test_chain_is_bounded() -> None:
    """Neither long texts nor long chains make long lines."""
    assert len(chain(raised("x" * 10_000))) == TEXT_LIMIT
    assert chain(raised(*"abcdefgh")) == "a: b: c: d: e"


def test_chain_looks_into_groups() -> None:
    """What a task group raises is told by the errors in it, not by its own text."""
    single = ExceptionGroup("unhandled errors in a TaskGroup", [raised("refused", "403")])
    double = ExceptionGroup("unhandled errors in a TaskGroup", [raised("one"), raised("two")])

    assert chain(single) == "refused: 403"
    assert chain(double) == "one and two"
    assert unwrapped(single) is single.exceptions[0]
    assert unwrapped(double) is double


def test_context_is_not_a_cause() -> None:
    """An error raised `from None` keeps what it hides to itself."""

    def hide() -> None:
        try:
            raise ValueError("secret value")
        except ValueError:
            raise PoisonMessage("one message cannot be decoded") from None

    with pytest.raises(PoisonMessage) as caught:
        hide()
    assert chain(caught.value) == "one message cannot be decoded"


def test_errors_carry_what_to_do() -> None:
    """A transient error says when to try again; a configuration error holds every problem."""
    assert TransientError("away", retry_after_s=3).retry_after_s == pytest.approx(3)
    assert ConfigurationError("a: wrong", "b: wrong").problems == ("a: wrong", "b: wrong")
