"""Scripted faults: what a test or a demo wants to go wrong, by resource and verb."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fairlead.simcluster.errors import StatusError, expired, forbidden

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fairlead.simcluster.api.routes import Target, User

ANY = "*"


@dataclass(slots=True)
class Rule:
    """One fault. `times` counts down with each request it meets; None lasts until `withdraw` or `clear`."""

    resource: str = ANY
    verbs: frozenset[str] = frozenset()
    times: int | None = None
    delay_s: float = 0.0
    error: StatusError | None = None
    plain_text: bool = False
    forbids: bool = False
    cut_after_bytes: int | None = None
    hang_up: bool = False
    after_handling: bool = False
    """Hang up only when the request has taken effect."""
    namespace: str = ANY
    user: str = ANY
    met: int = 0
    """How many requests it has met."""

    def fits(self, resource: str, verb: str, namespace: str, user: str) -> bool:
        """Whether a request meets the fault."""
        return (
            self.times != 0
            and self.resource in (ANY, resource)
            and (not self.verbs or verb in self.verbs)
            and self.namespace in (ANY, namespace)
            and self.user in (ANY, user)
        )


@dataclass(slots=True)
class OpenWatch:
    """A watch that is being served, as faults see it."""

    resource: str
    wake: Callable[[], None]
    cut: str = ""
    """`clean`, `abort` or `mid-line` once it is to end."""
    error: StatusError | None = None


@dataclass(slots=True)
class Faults:
    """The faults in force and the watches they can hit."""

    rules: list[Rule] = field(default_factory=list)
    watches: list[OpenWatch] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    """Resources whose watches are silent (the connection lives, nothing comes); `*` holds all."""

    def add(self, rule: Rule) -> Rule:
        """Put a fault in force."""
        self.rules.append(rule)
        return rule

    def withdraw(self, rule: Rule) -> None:
        """End a fault."""
        if rule in self.rules:
            self.rules.remove(rule)

    def clear(self) -> None:
        """End all faults."""
        self.rules.clear()
        self.release_watches()

    def slow(
        self, delay_s: float, *, resource: str = ANY, verbs: Collection[str] = (), times: int | None = None
    ) -> Rule:
        """Answer late."""
        return self.add(Rule(resource, frozenset(verbs), times, delay_s=delay_s))

    def fail(  # noqa: PLR0913 - what to fail and how
        self,
        code: int,
        reason: str = "InternalError",
        message: str = "Internal error occurred: scripted fault",
        *,
        resource: str = ANY,
        verbs: Collection[str] = (),
        times: int | None = None,
        retry_after_s: int | None = None,
    ) -> Rule:
        """Answer with a Status of this code."""
        error = StatusError(code, reason, message, retry_after_s=retry_after_s)
        return self.add(Rule(resource, frozenset(verbs), times, error=error))

    def throttle(
        self,
        retry_after_s: int = 1,
        *,
        resource: str = ANY,
        verbs: Collection[str] = (),
        times: int | None = None,
    ) -> Rule:
        """429 with Retry-After and a text body, as API Priority and Fairness rejects."""
        error = StatusError(
            429, "TooManyRequests", "Too many requests, please try again later.", retry_after_s=retry_after_s
        )
        return self.add(Rule(resource, frozenset(verbs), times, error=error, plain_text=True))

    def refuse(self, resource: str, *, verbs: Collection[str] = (), namespace: str = ANY, user: str = ANY) -> Rule:
        """403 for a resource (`secrets`, `deployments.apps`), as missing RBAC rights."""
        return self.add(Rule(resource, frozenset(verbs), forbids=True, namespace=namespace, user=user))

    def hang_up(
        self,
        *,
        resource: str = ANY,
        verbs: Collection[str] = (),
        times: int | None = None,
        after_handling: bool = False,
    ) -> Rule:
        """Drop the connection instead of answering; `after_handling`: the request has taken effect by then."""
        return self.add(Rule(resource, frozenset(verbs), times, hang_up=True, after_handling=after_handling))

    def cut_after(self, size_bytes: int, *, resource: str = ANY, times: int | None = 1) -> Rule:
        """Drop the connection of the next watch after so many bytes, wherever in a line that is."""
        return self.add(Rule(resource, frozenset({"watch"}), times, cut_after_bytes=size_bytes))

    def cut_watches(self, *, resource: str = ANY, mid_line: bool = False, clean: bool = False) -> int:
        """End the open watches now: by a dropped connection (in mid-line if wished) or cleanly; says how many."""
        return self._end(resource, "mid-line" if mid_line else "clean" if clean else "abort", None)

    def expire_watches(self, *, resource: str = ANY) -> int:
        """Tell the open watches 410 inside the stream and end them; says how many."""
        return self._end(resource, "clean", expired("too old resource version: 1 (2)"))

    def _end(self, resource: str, how: str, error: StatusError | None) -> int:
        hit = [watch for watch in self.watches if resource in (ANY, watch.resource)]
        for watch in hit:
            watch.cut, watch.error = how, error
            watch.wake()
        return len(hit)

    def hold_watches(self, resource: str = ANY) -> None:
        """Keep watches open but silent."""
        self.held.add(resource)

    def release_watches(self, resource: str = ANY) -> None:
        """Let held watches go on."""
        if resource == ANY:
            self.held.clear()
        self.held.discard(resource)
        for watch in self.watches:
            watch.wake()

    def holds(self, resource: str) -> bool:
        """Whether the watches of a resource are held."""
        return ANY in self.held or resource in self.held

    def meet(self, target: Target | None, verb: str, user: User) -> list[Rule]:
        """The faults a request meets, counted down."""
        if not self.rules:
            return []
        key, namespace = (target.key, target.namespace) if target else ("", "")
        met = [rule for rule in self.rules if rule.fits(key, verb, namespace, user.name)]
        for rule in met:
            rule.met += 1
            if rule.times is not None:
                rule.times -= 1
        return met


def refusal(target: Target, verb: str, user: User) -> StatusError:
    """The 403 of authorization, in the server's words."""
    resource = f"{target.plural}/{target.subresource}" if target.subresource else target.plural
    where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    why = f'User "{user.name}" cannot {verb} resource "{resource}" in API group "{target.group}" {where}'
    return forbidden(target.group, target.plural, target.name, why)
