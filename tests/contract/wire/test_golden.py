"""Golden messages: what earlier versions wrote is read for ever, with the meaning that it had.

The files are made by tools/golden.py, once, and never changed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tools.golden import WIRE, golden, meaning

from fairlead.contracts.codec import Decoder
from fairlead.contracts.v1 import link_pb2

ENVELOPES = sorted(WIRE.glob("envelope/*/*.msgpack"))
FRAMES = sorted(WIRE.glob("link/*/*/*.binpb"))


def name_of(path: Path) -> str:
    """A test id."""
    return str(path.relative_to(WIRE))


def expected(path: Path) -> Any:
    """What the bytes of a golden message mean."""
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def known(actual: Any, golden: Any) -> Any:
    """Cut away the fields that the golden message could not know yet."""
    if isinstance(golden, dict) and isinstance(actual, dict):
        return {key: known(value, golden[key]) for key, value in actual.items() if key in golden}
    if isinstance(golden, list) and isinstance(actual, list) and len(golden) == len(actual):
        return [known(left, right) for left, right in zip(actual, golden, strict=True)]
    return actual


@pytest.mark.parametrize("path", ENVELOPES, ids=name_of)
def test_envelopes(path: Path) -> None:
    """A batch of any released schema decodes to what it meant, with nothing in it unknown."""
    decoder = Decoder(strict=False)
    batch = meaning(decoder.decode(path.read_bytes()))

    assert known(batch, expected(path)) == expected(path)
    assert decoder.unknown_fields == 0


@pytest.mark.parametrize("path", FRAMES, ids=name_of)
def test_frames(path: Path) -> None:
    """A frame of any released protocol version decodes to what it meant."""
    frame = getattr(link_pb2, path.parent.name).FromString(path.read_bytes())

    assert frame.WhichOneof("body") == path.stem
    assert known(meaning(frame), expected(path)) == expected(path)


def test_every_message_has_a_golden_one() -> None:
    """A new message needs its golden file before it is released."""
    missing = [name_of(path) for path, _, _ in golden() if not path.is_file()]

    assert not missing, f"run tools/golden.py and commit: {missing}"
