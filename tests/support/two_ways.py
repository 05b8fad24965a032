"""One command line two ways: through the gateway, and to the API server itself; what differs is a defect.

Each way has a namespace of its own, so that both may write. What differs by nature (names that servers make up, times,
versions, addresses) is levelled before outputs are compared.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tests.support.kubectl import Kubectl, Ran

JsonObject = dict[str, Any]

SETTLED_WITHIN_S = 10.0
_RETRY_S = 0.2
_SHOWN = 1500
_DROPPED = frozenset({
    "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields", "selfLink",
    "clusterIP", "clusterIPs", "nodePort", "healthCheckNodePort", "remainingItemCount", "continue",
    "firstTimestamp", "lastTimestamp", "eventTime", "lastTransitionTime", "lastUpdateTime", "startTime", "completionTime",
    "pod-template-hash", "startedAt", "finishedAt", "timestamp", "renewTime", "count", "used", "controller-uid", "batch.kubernetes.io/controller-uid",
})  # fmt: skip
_LEVELLED = (
    (re.compile(r"\bclients-[0-9a-f]{8}"), "NS"),
    (re.compile(r"https://(127\.0\.0\.1|localhost):\d+(/accounts/[\w.-]+)?"), "SERVER"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"^[IWE]\d{4} [\d:.]+ +\d+ \S+\] ", re.MULTILINE), ""),
    (re.compile(r"\b10\.96\.\d+\.\d+\b"), "CLUSTER-IP"),
    (re.compile(r"--kubeconfig=\S+(.*\.\.\.)?"), "KUBECONFIG"),  # a cause of a change is cut off at a length
    (re.compile(r"\.1[0-9a-f]{15}\b"), ".EVENT"),
    # Names that servers make up (k8s.io/apimachinery util/rand): a hash of a template, and five letters behind a name.
    (re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{7,10}(?=[-\"\s.]|$)"), "-HASH"),
    (re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}(?=[\"\s:.]|$)"), "MADE"),
    (re.compile(r"pod-template-hash=\w+"), "pod-template-hash"),
    (re.compile(r"controller-uid: ?UID"), "controller-uid"),
    (re.compile(r"resourceVersion\W+\d+"), "VERSION"),
)
_REPAIRS = ("ipallocator-repair-controller", "portallocator-repair-controller")
"""Now and then they look at all Services, and complain of one that is made just then (kube-apiserver, core/service)."""
_THROTTLED = re.compile(r".*(client-side throttling|Throttling request).*\n?")
_AGE = re.compile(r"(?<=\s)(\d+[smhd])+(?=\s|$)|<invalid>|\d+[smhd](\d+[smhd])? ago")


@dataclass(frozen=True)
class Way:
    """A kubectl, and the namespace it works in."""

    kubectl: Kubectl
    namespace: str
    names: dict[str, str] = field(default_factory=dict)
    """What ``{…}`` in arguments stands for here, beside ``{ns}``."""

    def run(self, args: tuple[str, ...], stdin: str | None) -> Ran:
        """Run a command with its placeholders filled in."""
        return self.kubectl.run(*map(self._fill, args), stdin=None if stdin is None else self._fill(stdin))

    def _fill(self, text: str) -> str:
        for name, value in {**self.names, "ns": self.namespace}.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    def level(self, text: str) -> str:
        """A text without what differs by nature."""
        text = _THROTTLED.sub("", text.replace(self.namespace, "NS"))
        for pattern, put in _LEVELLED:
            text = pattern.sub(put, text)
        return text


def object_of(way: Way, text: str) -> Any:
    """An output of JSON, levelled; items in an order of their own, without what the API server says of itself."""
    return _level_value(way, json.loads(text))


def _level_value(way: Way, value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _level_value(way, item) for key, item in value.items() if key not in _DROPPED}
        if isinstance(kept.get("items"), list):
            kept["items"] = sorted(
                filter(_is_lasting, kept["items"]), key=lambda item: json.dumps(item, sort_keys=True)
            )
        return kept
    if isinstance(value, list):
        return [_level_value(way, item) for item in value]
    return way.level(value) if isinstance(value, str) else value


def _is_lasting(item: Any) -> bool:
    return not (isinstance(item, dict) and item.get("reportingComponent") in _REPAIRS)


def table_of(way: Way, text: str) -> list[list[str]]:
    """A printed table, levelled: cells of its lines in an order of their own, without ages."""
    lines = [re.split(r"\s{2,}", _AGE.sub("AGE", way.level(line)).strip()) for line in text.splitlines()]
    return [*lines[:1], *sorted(lines[1:])]


def text_of(way: Way, text: str) -> str:
    """A printed text, levelled."""
    return way.level(text)


def nothing_of(_way: Way, _text: str) -> None:
    """Whatever was printed."""
    return


@dataclass(frozen=True)
class Step:
    """A command, and what is expected of it past the gateway; through it, the same is."""

    args: tuple[str, ...]
    stdin: str | None = None
    code: int | None = 0
    """None: whatever it is."""
    reads: Callable[[Way, str], Any] = text_of
    """How its output is compared."""
    eventually: bool = False
    """What it tells is also made by controllers: a mirror may be behind them for a moment."""
    says: Callable[[Way, str], Any] = text_of
    """How its complaints are compared."""

    @property
    def name(self) -> str:
        """As a person would name it."""
        return " ".join(self.args)


@dataclass(frozen=True)
class TwoWays:
    """The same kubectl, through the gateway and past it."""

    through: Way
    past: Way

    def both(self, args: tuple[str, ...], stdin: str | None = None) -> tuple[Ran, Ran]:
        """Run a command both ways, at the same time."""
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(way.run, args, stdin) for way in (self.through, self.past)]
        return running[0].result(), running[1].result()

    def difference(self, step: Step) -> str | None:
        """Run a step; None when both ways end, print and complain alike."""
        until = time.monotonic() + SETTLED_WITHIN_S
        while True:
            through, past = self.both(step.args, step.stdin)
            found = self._compare(step, through, past)
            if found is None or not step.eventually or time.monotonic() > until:
                return found
            time.sleep(_RETRY_S)

    def _compare(self, step: Step, through: Ran, past: Ran) -> str | None:
        if step.code not in (None, past.code):
            return f"{step.name}: the API server itself: exit code {past.code}, {past.err.strip()[:600]}"
        if through.code != past.code:
            return f"{step.name}: exit code {through.code} instead of {past.code}: {through.err.strip()[:600]}"
        here, there = step.says(self.through, through.err), step.says(self.past, past.err)
        if here != there:
            return f"{step.name}: complains\n{first_difference(here, there)}"
        here, there = step.reads(self.through, through.out), step.reads(self.past, past.out)
        return None if here == there else f"{step.name}: prints\n{first_difference(here, there)}"


def first_difference(here: Any, there: Any, path: str = "") -> str:
    """Where two values part."""
    if isinstance(here, Mapping) and isinstance(there, Mapping):
        for key in sorted(here.keys() | there.keys()):
            if here.get(key) != there.get(key):
                return first_difference(here.get(key), there.get(key), f"{path}.{key}")
    if isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for number, (mine, other) in enumerate(zip(here, there, strict=True)):
            if mine != other:
                return first_difference(mine, other, f"{path}[{number}]")
    return f"    {path}: {_short(here)}\n  instead of\n    {path}: {_short(there)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) < _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"
