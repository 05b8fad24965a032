"""Logs: one JSON object a line, constant keys, no traceback, no local variable."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.programs import Program

_HEAD = """
import logging
from fairlead.runtime import logfields, logs
log = logs.get_logger()
"""


def test_json_lines(program: Callable[..., Program]) -> None:
    """Each call is one line with time, level, event and the program's name, whatever the values are."""
    running = program(
        _HEAD
        + """
logs.configure("sample", json=True)
log.info("a line", **{logfields.ACCOUNT: "two\\nlines", logfields.COUNT: 3})
log.warning("another")
"""
    )

    assert running.ended() == 0
    first, second = running.entries()
    assert len(running.lines) == 2
    assert first.pop("timestamp").endswith("Z")
    assert first == {"service": "sample", "event": "a line", "level": "info", "account": "two\nlines", "count": 3}
    assert (second["event"], second["level"]) == ("another", "warning")


def test_the_second_configuration_reaches_everybody(program: Callable[..., Program]) -> None:
    """Settings are known only after the first lines; level and form then change for loggers that have spoken."""
    running = program(
        _HEAD
        + """
logs.configure("sample", json=True)
log.info("first")
logs.configure("sample", level="warning", json=False)
log.info("silent")
log.warning("as a console shows it")
"""
    )

    assert running.ended() == 0
    assert running.events() == ["first"]
    assert "silent" not in running.output
    assert "as a console shows it" in running.output
    assert "\x1b" not in running.output  # no colours where there is no terminal


def test_errors_show_no_values(program: Callable[..., Program]) -> None:
    """An exception given to a log call is told by its texts: no traceback, no source line, no local variable."""
    running = program(
        _HEAD
        + """
def fail(password):
    try:
        raise ValueError("cannot log in")
    except ValueError as error:
        log.exception("it failed")
        log.error("again", exc_info=error)
for json in (True, False):
    logs.configure("sample", json=json)
    fail("sentinel-4711")
"""
    )

    assert running.ended() == 0
    assert [entry["error"] for entry in running.entries()] == ["cannot log in"] * 2
    assert running.output.count("cannot log in") == 4
    assert "sentinel" not in running.output
    assert "Traceback" not in running.output


def test_libraries_speak_the_same_form(program: Callable[..., Program]) -> None:
    """What libraries log through the standard module is an entry with their name; below a warning it is dropped."""
    running = program(
        _HEAD
        + """
logs.configure("sample", json=True)
logging.getLogger("asyncio").info("idle talk")
try:
    raise ValueError("the cause")
except ValueError:
    logging.getLogger("asyncio").error("trouble with %s", "x", exc_info=True)
"""
    )

    assert running.ended() == 0
    (entry,) = running.entries()
    assert (entry["logger"], entry["event"], entry["error"], entry["level"]) == (
        *("asyncio", "trouble with x", "the cause", "error"),
    )
    assert len(running.lines) == 1
