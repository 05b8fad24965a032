"""Users of nats-server, as the table of subjects says."""

from __future__ import annotations

import pytest

from fairlead.cli.nats_config import authorization, server_settings, service_users
from fairlead.contracts.streams import CLEAN_LOG
from fairlead.contracts.subjects import CLEAN_BATCH, SUBJECTS

USERS = {user.name: user for user in service_users()}


def test_each_service_on_the_bus_has_a_user() -> None:
    """Whoever the table names has one; the gateway is not on the bus."""
    assert sorted(USERS) == ["bridge", "executor", "scrubber", "watcher"]


@pytest.mark.parametrize("user", USERS)
def test_a_user_publishes_what_the_table_says(user: str) -> None:
    """Its own subjects, JetStream's and nothing else; no permission is a wildcard over the whole bus."""
    expected = {subject.pattern for subject in SUBJECTS if user in subject.publishers}
    own = {subject for subject in USERS[user].publish if not subject.startswith("$")}

    assert own == expected
    assert not [subject for subject in USERS[user].publish if subject in (">", "*", "$JS.>", "$JS.API.>")]


def test_only_the_owner_reaches_the_clean_log() -> None:
    """The scrubber alone publishes it; nobody subscribes to it, and only the bridge asks JetStream for it."""
    assert [name for name, user in USERS.items() if CLEAN_BATCH in user.publish] == ["scrubber"]
    assert not [name for name, user in USERS.items() if any(CLEAN_BATCH in subject for subject in user.subscribe)]
    assert [name for name, user in USERS.items() if any(CLEAN_LOG.name in subject for subject in user.publish)] == [
        "bridge"
    ]


def test_nobody_may_delete_or_purge_a_stream() -> None:
    """A service creates, updates and reads its stream; removing one is an administrator's."""
    published = [subject for user in USERS.values() for subject in user.publish]

    assert not [subject for subject in published if "DELETE" in subject or "PURGE" in subject]


def test_groups_are_part_of_the_permission() -> None:
    """Raw batches may be read as a member of the scrubbers' group only, so that nobody listens in beside them."""
    assert "fairlead.raw.batch scrubber" in USERS["scrubber"].subscribe
    assert not USERS["watcher"].answers


def test_passwords_are_written_as_given() -> None:
    """As text or as a reference to a variable of nats-server; an administrator only when asked for."""
    rendered = authorization(lambda user: f"$PASSWORD_{user}")

    assert "user: watcher, password: $PASSWORD_watcher" in rendered
    assert "admin" not in rendered
    assert 'user: admin, password: "x"' in authorization(lambda _: '"x"', administrator="admin")


def test_the_server_grants_our_messages() -> None:
    """The settings carry the payload limit that services demand."""
    assert "max_payload: 8388608" in server_settings()
