"""What a caller may do at the facade: everything of an account by its token, reading or also writing."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.contracts.accounts import unusable
from fairlead.gateway.core.facade import statuses
from fairlead.gateway.core.facade.headers import claims_identity
from fairlead.gateway.core.facade.routing import reads
from fairlead.gateway.core.facade.statuses import Refusal
from fairlead.gateway.core.facade.targets import Target
from fairlead.gateway.core.tokens import Grant, Verb


def check_access(caller: Grant, account: str, method: str, path: str, target: Target | None) -> None:
    """Let a request through, or refuse it for good. Whether an account exists is told to those alone who may see it.

    Raises:
        Refusal: the caller may not.

    """
    verb = target.verb.value if target is not None else method.lower()
    if not caller.allows(account):
        why = f'the token is not granted account "{account}"'
        raise Refusal(statuses.forbidden(caller.name, target, verb, path, why))
    needed = Verb.READ if reads(method, target) else Verb.WRITE
    if needed not in caller.verbs:
        why = f"the token lacks the verb {needed.value!r}"
        raise Refusal(statuses.forbidden(caller.name, target, verb, path, why))
    if unusable(account):
        raise Refusal(statuses.unknown_account(account))


def check_identity(caller: Grant, headers: Mapping[str, str]) -> None:
    """Refuse to ask as somebody else: the cluster would judge by the executor's right to do so, not by the caller's.

    Raises:
        Refusal: the request does.

    """
    if any(claims_identity(name) for name in headers):
        message = f'User "{caller.name}" cannot impersonate through Fairlead: requests are made as its executor'
        raise Refusal(statuses.Status(403, "Forbidden", f"forbidden: {message}", {}))
