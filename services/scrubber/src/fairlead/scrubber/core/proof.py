"""Layer 2: a second look at the bytes that are about to be published.

It shares no code with the rules and parses nothing: it counts backslashes. A quote after a run of n backslashes belongs to
the text at level t, where t is the number of trailing one bits of n: level 0 is the document itself, level 1 a document in
one of its strings, and so on. At each level mappings are followed by their braces, which is enough to see whether one
mapping says that it is a Secret and carries values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LEVELS_MAX = 8
"""Deepest nesting of strings in strings that is followed; deeper ones are taken for a leak."""
_ROUNDS_MAX = 8

_COPIES = (
    b"kubectl.kubernetes.io/last-applied-configuration",
    b"kapp.k14s.io/original",
    b"objectset.rio.cattle.io/applied",
)
_UNICODE = re.compile(rb"(\\+)u00([0-7][0-9a-fA-F])")
_HIDING = re.compile(rb"\\u00(?:22|5[cC]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aA])")
_TOKEN = re.compile(rb'(\\*)"|[{}]')
_COLON = re.compile(rb"(?:\s|\\+[ntr])*:(?:\s|\\+[ntr])*")
_BLANK = re.compile(rb"(?:\s|\\+[ntr])*")
_KINDS = (b"Secret", b"SecretList")
_FIELDS = (b"data", b"stringData")
# Between the key and its value YAML may have line ends, tags, anchors and block indicators; Go writes & and > as escapes.
_PLAIN_KIND = re.compile(
    rb"kind(?: |\t|\\+t)*:(?:\s|\\+[nrt]|(?:[&!|>]|\\+u00(?:26|3e))[^\s\\\"'&!|>]*)*"
    rb"\\*['\"]?Secret(?:List)?(?![A-Za-z0-9])"
)
_QUOTED_KIND = re.compile(rb'"Secret(?:List)?\\*"')
_PLAIN_FIELD = re.compile(rb"(?:(?<![A-Za-z0-9])|\\[nrt])(?:data|stringData)\\*[\"']?(?:\s|\\+[ntr])*:")


def may_leak(encoded: bytes) -> bool:
    """Whether a closer look at the objects of an encoded batch is needed, which for most batches it is not."""
    if b"Secret" in encoded and (_QUOTED_KIND.search(encoded) or _PLAIN_KIND.search(encoded)):
        return True
    return b"\\" in encoded and b"\\u00" in encoded and _HIDING.search(encoded) is not None


def leaks(body: bytes, *, is_secret: bool) -> bool:
    """Whether an object seems to carry values of a Secret.

    Args:
        body: the bytes that are about to be published.
        is_secret: whether they are an object of the core group's Secrets.

    """
    if not is_secret and not may_leak(body):
        return False
    plain = _without_unicode_escapes(body)
    if plain is None:
        return True
    if is_secret and any(copy in plain for copy in _COPIES):
        return True
    if not is_secret and b"Secret" not in plain:
        return False
    levels = {_level(len(run)) for run in re.findall(rb'(\\*)"', plain)}
    if any(level > LEVELS_MAX for level in levels):
        return True
    return any(_leaks_at(plain, level, is_secret=is_secret) for level in sorted(levels)) or _leaks_as_text(plain)


@dataclass(slots=True)
class _Mapping:
    """What is known of a mapping whose closing brace was not seen yet."""

    secret: bool = False
    secrets: bool = False
    values: bool = False
    values_below: bool = False

    @property
    def leaks(self) -> bool:
        return (self.secret and self.values) or (self.secrets and self.values_below)


def _leaks_at(body: bytes, level: int, *, is_secret: bool) -> bool:
    """Follow the mappings of one level of escaping."""
    stack: list[_Mapping] = []
    opened = -1
    for token in _TOKEN.finditer(body):
        run = token[1]
        if run is None:
            if opened >= 0:
                continue
            if token[0] == b"{":
                # Whatever document stands in a Secret may be a copy of it, and need not say so.
                stack.append(_Mapping(secret=is_secret and not stack))
            elif stack and _close(stack):
                return True
            continue
        found = _level(len(run))
        if found < level:
            if _unfinished(stack):
                return True
            opened = -1
        elif found == level:
            if opened < 0:
                opened = token.end()
            else:
                _note(stack, body, opened, token, level)
                opened = -1
    return _unfinished(stack)


def _note(stack: list[_Mapping], body: bytes, opened: int, token: re.Match[bytes], level: int) -> None:
    """Take down what a string says when it is a key that matters."""
    # The run of backslashes before the closing quote holds the quote's own, and the end of the string's text.
    key = body[opened : token.end() - 1 - (2**level - 1)]
    if not stack or key not in (b"kind", *_FIELDS):
        return
    colon = _COLON.match(body, token.end())
    if colon is None:
        return
    top = stack[-1]
    if key != b"kind":
        top.values = top.values or not _is_empty(body, colon.end())
        return
    quote = b"\\" * (2**level - 1) + b'"'
    for kind in _KINDS:
        if body.startswith(quote + kind + quote, colon.end()):
            top.secret = top.secret or kind == b"Secret"
            top.secrets = top.secrets or kind == b"SecretList"


def _is_empty(body: bytes, start: int) -> bool:
    """Whether the value that begins here is null, or a mapping, list or string with nothing in it."""
    if body.startswith(b"null", start):
        return True
    opening = re.compile(rb'\{|\[|\\*"').match(body, start)
    if opening is None:
        return False
    closing = {b"{": b"}", b"[": b"]"}.get(opening[0], opening[0])
    inside = opening.end() if closing == opening[0] else _BLANK.match(body, opening.end()).end()  # type: ignore[union-attr] # matches always
    return body.startswith(closing, inside)


def _close(stack: list[_Mapping]) -> bool:
    closed = stack.pop()
    if stack:
        stack[-1].values_below |= closed.values or closed.values_below
    return closed.leaks


def _unfinished(stack: list[_Mapping]) -> bool:
    """Judge the mappings that a text leaves open."""
    found = False
    while stack:
        found = _close(stack) or found
    return found


def _leaks_as_text(body: bytes) -> bool:
    """Whether a string of the document holds what reads like a Secret in YAML, or in JSON with other text around it."""
    for kind in _PLAIN_KIND.finditer(body):
        start, end = _string_around(body, kind.start())
        if _PLAIN_FIELD.search(body, start, end):
            return True
    return False


def _string_around(body: bytes, position: int) -> tuple[int, int]:
    """The bounds of the level 0 string that a position lies in."""
    start, end = 0, len(body)
    for token in re.finditer(rb'(\\*)"', body):
        if _level(len(token[1])) == 0:
            if token.end() > position:
                end = token.start()
                break
            start = token.end()
    return start, end


def _level(backslashes: int) -> int:
    """Level of the text to which a quote belongs: the number of trailing one bits."""
    level = 0
    while backslashes & 1:
        level += 1
        backslashes >>= 1
    return level


def _without_unicode_escapes(body: bytes) -> bytes | None:
    """Spell out escaped ASCII characters of every level; None when they do not come to an end."""
    for _ in range(_ROUNDS_MAX):
        if b"\\u00" not in body:
            return body
        spelled = _UNICODE.sub(_spell, body)
        if spelled == body:
            return body
        body = spelled
    return None


def _spell(match: re.Match[bytes]) -> bytes:
    """Spell one escape at its own level, which the lowest set bit of its run of backslashes tells."""
    run = len(match[1])
    unit = run & -run
    character = bytes([int(match[2], 16)])
    if character == b'"':
        return b"\\" * (run + unit - 1) + b'"'
    if character == b"\\":
        return b"\\" * (run + unit)
    return b"\\" * (run - unit) + max(character, b" ")
