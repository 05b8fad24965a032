r"""Finding out whether bytes or text can hold an object of a kind at all, in whatever escaped form.

Both tests err on the side of "may". Why `Candidates.may_hold` may say no: decoding a JSON string changes nothing but its
escapes. Escapes of one letter give quotes, backslashes, slashes and control characters, and none of those can become part
of a letter or digit later. Escapes ``\uXXXX`` of letters, digits, quotes and backslashes are looked for and mean "may",
all others give characters outside of every word. So a quoted word that shows up after any number of decodings stands in
the bytes already, its opening quote right before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TELLING_ESCAPE = re.compile(rb"\\u00(?:22|3[0-9]|[4-7][0-9a-fA-F])")
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|([ntr\"'/]?))")
_CONTROL = {"n": "\n", "t": " ", "r": "\n"}


class Candidates:
    """Tells which bytes and texts may hold objects of some kinds.

    Args:
        kinds: kinds that are looked for; ``<kind>List`` is looked for with them.
        fields: fields without which such an object needs no rewriting.

    """

    def __init__(self, kinds: Sequence[str], fields: Sequence[str]) -> None:
        self._words = tuple(kind.encode() for kind in kinds)
        names = "|".join(map(re.escape, kinds)) or r"(?!)"
        self._quoted = re.compile(rf'"(?:{names})(?:List)?\\*"'.encode())
        blank = r"(?: |\\+t|\t)*"
        # Before a value YAML may have line ends, tags, anchors and block indicators; Go writes & and > as escapes.
        before = r"(?:\s|\\+[nrt]|(?:[&!|>]|\\+u00(?:26|3e))[^\s\\\"'&!|>]*)*"
        unquoted = rf"kind(?:\\*['\"])?{blank}:{before}(?:\\*['\"])?(?:{names})(?:List)?(?![A-Za-z0-9])"
        self._unquoted = re.compile(unquoted.encode())
        spelled = "|".join(map(re.escape, fields)) or r"(?!)"
        before = r"(?:\s|[&!|>][^\s\"'&!|>]*)*"
        self._kind_in_text = re.compile(rf"kind[\"']?\s*:{before}[\"']?(?:{names})(?:List)?(?![A-Za-z0-9])")
        self._field_in_text = re.compile(rf"(?<![A-Za-z0-9])(?:{spelled})[\"']?\s*:")

    def may_hold(self, body: bytes) -> bool:
        """Whether JSON may hold such an object, at any depth, in strings of strings, or as YAML in a string."""
        # The first test is a memchr, which most bodies end.
        if b"\\" in body and b"\\u00" in body and _TELLING_ESCAPE.search(body):
            return True
        if not any(word in body for word in self._words):
            return False
        return self._quoted.search(body) is not None or self._unquoted.search(body) is not None

    def text_holds(self, text: str) -> bool:
        """Whether text that is no JSON document seems to hold such an object with one of the fields."""
        plain = unescape(text)
        return self._kind_in_text.search(plain) is not None and self.text_names_field(plain)

    def text_names_field(self, text: str) -> bool:
        """Whether one of the fields is set somewhere in a text."""
        return self._field_in_text.search(unescape(text)) is not None


def unescape(text: str) -> str:
    """Flatten escapes of any depth: quotes become quotes, however many backslashes stand before them.

    The result is for looking at, not for parsing.
    """
    if "\\" not in text:
        return text
    for _ in range(16):
        flat = _ESCAPE.sub(_flat, text)
        if flat == text:
            break
        text = flat
    return text


def _flat(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _CONTROL.get(match[2], match[2])
