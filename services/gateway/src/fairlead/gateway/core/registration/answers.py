"""What Clouddriver's failures mean, in words for whoever has to mend them; never with credentials in them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fairlead.gateway.core.tokens import PREFIX

MESSAGE_LIMIT = 400
QUOTES = "kubeconfigContents"
"""Clouddriver quotes whole definitions in some of its failures (SqlAccountDefinitionException)."""
_TOKEN = re.compile(re.escape(PREFIX) + r"[A-Za-z0-9_-]+")
_HINTS = (
    (
        "AccountDefinitionService",
        "switch its account storage on (account.storage.enabled, account.storage.kubernetes.enabled and sql.enabled)",
    ),
    ("does not exist", "Clouddriver before 1.29 cannot create accounts by PUT; take a newer one"),
    (
        "without granting permissions",
        "give the user of gateway.clouddriver.user one of the account's WRITE roles, or make it an administrator",
    ),
)
_BY_STATUS = {
    401: "name a user that it knows with gateway.clouddriver.user",
    403: "the user of gateway.clouddriver.user must be an account manager, or an administrator, in Fiat",
    404: "is gateway.clouddriver.url Clouddriver's own address, and Clouddriver 1.29 or newer?",
}


def explain(status: int, content: bytes, request: str) -> str:
    """Say what a failure means and what to do about it."""
    told = _message(content)
    hint = next((hint for part, hint in _HINTS if part in told), _BY_STATUS.get(status, ""))
    said = "" if QUOTES in told else _TOKEN.sub(f"{PREFIX}…", told)[:MESSAGE_LIMIT]
    return ": ".join(filter(None, [f"{request} was answered with {status}", said, hint]))


def _message(content: bytes) -> str:
    """The message of an answer in Spring's shape; nothing of any other."""
    try:
        document: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    message = document.get("message") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""
