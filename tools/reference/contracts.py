"""The pages of what services agree on: subjects, streams, and which operations may be repeated."""

from __future__ import annotations

from tools.reference.docstrings import table

from fairlead.cli.nats_config import service_users
from fairlead.contracts.operations import Kind
from fairlead.contracts.repeatability import repeatability
from fairlead.contracts.streams import CLAIMS, CLEAN_LOG, MAX_PAYLOAD_BYTES, MIB, SERVER_VERSION_MIN
from fairlead.contracts.subjects import SUBJECTS

_SUBJECTS = f"""# Subjects, streams and permissions

Everything that travels on the zone's nats-server ({".".join(map(str, SERVER_VERSION_MIN))} or newer, `max_payload`
{MAX_PAYLOAD_BYTES // MIB} MiB or more; both are checked at connect). `fairlead nats-config` prints the users and permissions as
nats-server's configuration.

## Subjects
"""
_OPERATIONS = """# Which operations may be repeated

An operation is claimed under its id before it runs, so it takes effect at most once. When the claim is lost (the bucket was
deleted, or the executor died in the middle), nobody knows whether it ran. Then only what is safe to repeat is repeated; the
rest ends as `unknown outcome`. An operation is fenced when it names the `resourceVersion` that it expects; a deletion also
by a `uid`.
"""


def subjects_page() -> str:
    """Who publishes what to whom."""
    subjects = (
        [
            f"`{row.pattern}`", ", ".join(row.publishers), ", ".join(row.consumers), row.message,
            row.reply or "none", row.limit, row.group and f"`{row.group}`",
        ]
        for row in SUBJECTS
    )  # fmt: skip
    streams = [
        [f"stream `{CLEAN_LOG.name}`", CLEAN_LOG.owner, f"`{CLEAN_LOG.subject}`", f"{CLEAN_LOG.max_bytes // MIB} MiB",
         "work queue; full means that new batches are refused and the watcher waits"],
        [f"bucket `{CLAIMS.name}`", CLAIMS.owner, "claims and results of operations, never an object",
         f"{CLAIMS.max_bytes // MIB} MiB, {CLAIMS.ttl_s:g} s", "key-value; a new one makes unknown outcomes of what was sent before"],
    ]  # fmt: skip
    users = (
        [user.name, _lines(user.publish), _lines(user.subscribe), "once each" if user.answers else "no"]
        for user in service_users()
    )
    parts = [
        _SUBJECTS,
        table(("Subject", "From", "To", "Message", "Reply", "Limit", "Shared by group"), subjects),
        "\n## Streams and buckets\n",
        table(("Name", "Owner", "Holds", "Limit", "Behaviour"), streams),
        "\n## Permissions\n\nEach service has a user of its name; what is not listed is denied.\n",
        table(("User", "May publish to", "May subscribe to", "May answer requests"), users),
    ]
    return "\n".join(parts) + "\n"


def repeatability_page() -> str:
    """What an executor does with an operation of which it cannot know whether it ran."""
    rows = []
    for kind in Kind:
        plain, fenced = repeatability(kind, fenced=False), repeatability(kind, fenced=True)
        rows.append([f"`{kind}`", *_answer(plain.safe, plain.why), *_answer(fenced.safe, fenced.why)])
    head = ("Operation", "Repeated", "Because", "Repeated when fenced", "Because")
    return _OPERATIONS + "\n" + table(head, rows) + "\n"


def _answer(safe: bool, why: str) -> tuple[str, str]:
    return ("yes" if safe else "no", why)


def _lines(subjects: tuple[str, ...]) -> str:
    return "<br>".join(f"`{subject}`" for subject in subjects)
