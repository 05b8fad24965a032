"""GET of a pod's `log`: the kubelet's answers, and the API server's own refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fairlead.simcluster.api.answers import Answer, LogAnswer
from fairlead.simcluster.errors import bad_request, cause, invalid
from fairlead.simcluster.logs import Line, first_lines, parse_time, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fairlead.simcluster.api.routes import Request
    from fairlead.simcluster.state import State
    from fairlead.simcluster.store import Entry

TEXT: Final = "text/plain"
LEAST: Final = {"tailLines": (0, "greater than or equal to 0"), "sinceSeconds": (1, "greater than 0"),
                "limitBytes": (1, "greater than 0")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which lines are asked for."""

    container: str
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: float = 0.0
    limit_bytes: int | None = None


def answer(state: State, request: Request, entry: Entry) -> Answer | LogAnswer:
    """A log, whole or to be followed; StatusError 400 or 422."""
    pod = entry.decoded()
    options = _options(state, request, pod)
    if not pod["spec"].get("nodeName"):
        return Answer(204, [], TEXT)
    cursor = LogCursor(state, entry, options)
    if request.flag("follow") and not options.previous:
        return LogAnswer(cursor)
    return Answer(200, [cursor.take()], TEXT)


def _options(state: State, request: Request, pod: dict[str, Any]) -> LogOptions:
    query, name = request.query, pod["metadata"]["name"]
    numbers = {field: _number(query, field) for field in LEAST}
    causes = [
        cause("FieldValueInvalid", field, f"Invalid value: {number}: must be {LEAST[field][1]}")
        for field, number in numbers.items()
        if number is not None and number < LEAST[field][0]
    ]
    if query.get("sinceTime") and numbers["sinceSeconds"] is not None:
        why = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(cause("FieldValueForbidden", "[]", why))
    if causes:
        raise invalid("", "PodLogOptions", name, causes)
    seconds, since = numbers["sinceSeconds"], 0.0
    if seconds is not None:
        since = state.now() - seconds
    elif query.get("sinceTime"):
        since = parse_time(query["sinceTime"])
    return LogOptions(
        container=_container(pod, query.get("container", "")),
        previous=request.flag("previous"),
        timestamps=request.flag("timestamps"),
        tail=numbers["tailLines"],
        since=since,
        limit_bytes=numbers["limitBytes"],
    )


def _number(query: Mapping[str, str], field: str) -> int | None:
    text = query.get(field, "")
    try:
        return int(text) if text else None
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _container(pod: dict[str, Any], asked: str) -> str:
    name, spec = pod["metadata"]["name"], pod["spec"]
    names = [each["name"] for each in spec["containers"]]
    if asked:
        if asked not in [*names, *(each["name"] for each in spec.get("initContainers") or ())]:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(names) > 1:
        listed = " ".join(names)
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
    chosen: str = names[0]
    return chosen


class LogCursor:
    """One reader's place in the log of a container. `take` gives what there is; `ended` tells that no more will come."""

    def __init__(self, state: State, entry: Entry, options: LogOptions) -> None:
        self.ended = False
        self._state = state
        self._key, self._uid = entry.key, entry.uid
        self._options = options
        self._left = options.limit_bytes
        self._next = 0
        self._pending = self._begin(entry.decoded())

    def _begin(self, pod: dict[str, Any]) -> list[Line]:
        options, name = self._options, pod["metadata"]["name"]
        status = _status_of(pod, options.container)
        run = status.get("lastState" if options.previous else "state") or {}
        if options.previous and "terminated" not in run:
            raise bad_request(f'previous terminated container "{options.container}" in pod "{name}" not found')
        if "running" not in run and "terminated" not in run:
            reason = (run.get("waiting") or {}).get("reason", "ContainerCreating")
            why = f'container "{options.container}" in pod "{name}" is waiting to start: {reason}'
            raise bad_request(why)
        containers = [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]
        container = next(each for each in containers if each["name"] == options.container)
        log = self._state.logs.of(self._uid, options.container, previous=options.previous)
        self._next = log.first + len(log.lines)
        lines = [line for line in [*first_lines(container, run), *log.lines] if line[0] >= options.since]
        return lines if options.tail is None else lines[len(lines) - min(options.tail, len(lines)) :]

    def take(self) -> bytes:
        """The lines that have come since the last time."""
        entry = self._state.store.get("pods", self._key)
        present = entry is not None and entry.uid == self._uid
        status = _status_of(entry.decoded(), self._options.container) if entry and present else {}
        self.ended = "running" not in (status.get("state") or {})
        log = self._state.logs.of(self._uid, self._options.container)
        lines = self._pending
        if not self._options.previous:
            lines = [*lines, *log.since(self._next)]
            self._next = log.first + len(log.lines)
        self._pending = []
        data = b"".join(shown(line, timestamps=self._options.timestamps) for line in lines)
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
            self.ended = self.ended or not self._left
        return data


def _status_of(pod: dict[str, Any], container: str) -> dict[str, Any]:
    status = pod.get("status") or {}
    statuses = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
    found: dict[str, Any] = next((each for each in statuses if each["name"] == container), {})
    return found
