"""Users and permissions of nats-server, made from the table of subjects.

Each service has a user of its own that may publish and subscribe to what the table says and to nothing else, so the
boundary of the scrubber holds at run time. Streams and buckets belong to the user that the contracts name as their owner.
Subjects of the JetStream API: https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fairlead.contracts.streams import CLAIMS, CLEAN_LOG, MAX_PAYLOAD_BYTES
from fairlead.contracts.subjects import SUBJECTS, Subject

_CLAIMS_STREAM = f"KV_{CLAIMS.name}"
_REPLY_TTL = "1m"
"""How long the receiver of a request may answer it; longer than any request waits."""


@dataclass(frozen=True)
class User:
    """One user of nats-server. What is not listed is denied."""

    name: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    """Subjects; ``subject group`` allows the subscription only as a member of the queue group."""
    answers: bool
    """Whether it may answer requests that it received: once each."""


def service_users() -> tuple[User, ...]:
    """The users of all services that are on the bus, in alphabetical order."""
    names = sorted({name for subject in SUBJECTS for name in (*subject.publishers, *subject.consumers)})
    return tuple(_user(name) for name in names)


def authorization(passwords: Mapping[str, str] | Callable[[str], str], *, administrator: str = "") -> str:
    """Render the ``authorization`` block of nats-server's configuration.

    Args:
        passwords: the text of each user's password, as nats-server's configuration spells it: quoted, or ``$VARIABLE``.
        administrator: name of a user who may do everything, empty for none.

    """
    password = passwords if callable(passwords) else passwords.__getitem__
    lines = ["authorization {", "  users: ["]
    for user in service_users():
        lines += ["    {", f"      user: {user.name}, password: {password(user.name)}", "      permissions: {"]
        lines += [f"        publish: {{ allow: {_array(user.publish)} }}"]
        lines += [f"        subscribe: {{ allow: {_array(user.subscribe)} }}"]
        if user.answers:
            lines += [f'        allow_responses: {{ max: 1, expires: "{_REPLY_TTL}" }}']
        lines += ["      }", "    }"]
    if administrator:
        lines += [f"    {{ user: {administrator}, password: {password(administrator)} }}"]
    return "\n".join([*lines, "  ]", "}", ""])


def server_settings(store_dir: str = "/data/jetstream") -> str:
    """Render what nats-server must be told beside the users."""
    return (
        f"max_payload: {MAX_PAYLOAD_BYTES}  # the services check it when they connect\n"
        f"jetstream {{ store_dir: {json.dumps(store_dir)} }}\n"
    )


def _user(name: str) -> User:
    published = [subject.pattern for subject in SUBJECTS if name in subject.publishers]
    consumed = [subject for subject in SUBJECTS if name in subject.consumers and subject.pattern != CLEAN_LOG.subject]
    return User(
        name,
        publish=(*published, *_jetstream(name)),
        subscribe=(*(_subscription(subject) for subject in consumed), f"_INBOX.{name}.>"),
        answers=any(subject.reply for subject in consumed),
    )


def _subscription(subject: Subject) -> str:
    return f"{subject.pattern} {subject.group}".strip()


def _jetstream(name: str) -> list[str]:
    """Requests to JetStream that a user needs; the clean log is read through them alone, never by a subscription."""
    api: list[str] = []
    if name == CLEAN_LOG.owner:
        stream, durable = CLEAN_LOG.name, CLEAN_LOG.durable
        api += [f"$JS.API.STREAM.{verb}.{stream}" for verb in ("CREATE", "UPDATE", "INFO")]
        api += [f"$JS.API.CONSUMER.CREATE.{stream}.{durable}", f"$JS.API.CONSUMER.CREATE.{stream}.{durable}.>"]
        api += [f"$JS.API.CONSUMER.{verb}.{stream}.{durable}" for verb in ("DURABLE.CREATE", "INFO", "MSG.NEXT")]
        api += [f"$JS.ACK.{stream}.{durable}.>"]
        api += [f"$JS.API.STREAM.INFO.{_CLAIMS_STREAM}"]  # the hello tells the bucket's incarnation
    if name == CLAIMS.owner:
        api += [f"$JS.API.STREAM.{verb}.{_CLAIMS_STREAM}" for verb in ("CREATE", "UPDATE", "INFO", "MSG.GET")]
        api += [f"$JS.API.DIRECT.GET.{_CLAIMS_STREAM}", f"$JS.API.DIRECT.GET.{_CLAIMS_STREAM}.>"]
        api += [f"$KV.{CLAIMS.name}.>"]
    return api


def _array(subjects: tuple[str, ...]) -> str:
    return json.dumps(list(subjects))
