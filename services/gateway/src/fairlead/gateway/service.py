"""Composition root of the gateway."""

from __future__ import annotations

import math
import secrets
import socket
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from fairlead.contracts.codec import Decoder
from fairlead.gateway.adapters import files
from fairlead.gateway.adapters.link import server as link_server
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.links import PostgresLinks
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.notices import PostgresNotices
from fairlead.gateway.adapters.postgres.operations import PostgresOperations
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.pulse import Pulse
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.adapters.postgres.tokens import PostgresTokens
from fairlead.gateway.adapters.rest import server as rest_server
from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.core.operations import Timing
from fairlead.gateway.core.tokens import Grant, Kind, Verb, digest
from fairlead.gateway.flows.link.connection import LinkTiming
from fairlead.gateway.flows.links import Gateway, Links
from fairlead.gateway.flows.observation import Observation
from fairlead.gateway.flows.operations import Operations
from fairlead.gateway.flows.tokens import Tokens
from fairlead.gateway.flows.upkeep import repeat
from fairlead.gateway.ports.rest import RestDesk
from fairlead.gateway.settings import CredentialSettings, DatabaseSettings, GatewaySection, Settings
from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.lifecycle import Scope, Service, Stage


def build(settings: Settings) -> Service:
    """Make the gateway from its settings.

    Raises:
        ConfigurationError: with every fault that can be seen before the database is reached.

    """
    section = settings.gateway
    doors = link_door(section), https_door(section)
    problems = [problem for door in doors for problem in door.problems()]
    problems += list(_missing(section))
    if problems:
        raise ConfigurationError(*problems)
    fixed = [grant_of(credential) for credential in section.credentials]
    keyring = files.load_keyring(section.key_file or Path(), "gateway.keyFile")
    dsn = dsn_of(section.database)

    async def start(scope: Scope) -> None:
        await _start(scope, section, dsn, fixed, keyring)

    return Service("gateway", start)


async def _start(scope: Scope, section: GatewaySection, dsn: str, fixed: list[Grant], keyring: Keyring) -> None:
    await prepare_schema(dsn, wait_s=math.inf, change=section.database.migrate)
    database = await scope.enter(Database(dsn, size=section.database.pool_size))
    pulse = Pulse(database)
    scope.ready_when("database", pulse.not_ready)
    scope.start("pulse", pulse.feel())

    observation = Observation(PostgresMirror(database), PostgresAccounts(database), PostgresReader(database))
    tokens = Tokens(PostgresTokens(database), fixed)
    links = _links(section, database, observation, tokens)
    tokens.on_change = links.end_revoked
    operations = _operations(section, database, dsn, keyring, links)
    links.attempts = operations
    await tokens.refresh()

    scope.start("tokens", tokens.keep_fresh())
    scope.start("links.watch", links.watch())
    scope.start("links.reap", links.reap())
    scope.start("operations.dispatch", operations.dispatch())
    scope.start("operations.listen", operations.listen())
    scope.start("operations.clean-up", operations.clean_up())
    scope.start("garbage", repeat(observation.collect_garbage, section.garbage_seconds))
    desk = RestDesk(operations, observation, tokens, PostgresLinks(database), scope.not_ready)
    await _open_doors(scope, section, links, tokens, desk)


def _links(section: GatewaySection, database: Database, observation: Observation, tokens: Tokens) -> Links:
    store = PostgresLinks(database)
    link = section.link
    return Links(
        gateway=Gateway(f"{socket.gethostname()}-{secrets.token_hex(3)}", _version(), link.data_window_bytes),
        timing=LinkTiming(link.heartbeat_seconds, link.max_age_seconds, link.grace_seconds),
        mirror=observation,
        store=store,
        documents=store,
        decoder=Decoder(strict=link.strict_envelopes),
        holds=tokens.holds,
    )


def _operations(section: GatewaySection, database: Database, dsn: str, keyring: Keyring, links: Links) -> Operations:
    chosen = section.operations
    timing = Timing(
        unclaimed_s=chosen.unclaimed_seconds,
        claimed_s=chosen.claimed_seconds,
        deadline_s=chosen.deadline_seconds,
        result_s=chosen.result_seconds,
    )
    store = PostgresOperations(database, keyring, timing, history_s=chosen.history_seconds)
    return Operations(store, links, PostgresNotices(dsn), timing)


async def _open_doors(scope: Scope, section: GatewaySection, links: Links, tokens: Tokens, desk: RestDesk) -> None:
    link_port = await scope.enter(link_server.listen(link_door(section), tokens, links))
    rest = await scope.enter(rest_server.listen(https_door(section), rest_server.application(desk, _version())))
    scope.start("rest", rest.serve())
    scope.on_stop(Stage.INTAKE, "rest", rest.stop)
    scope.on_stop(Stage.DRAIN, "links", lambda: links.stop(section.stop_grace_seconds))
    if section.address_file is not None:
        addresses = {
            "link": _address(link_door(section), link_port),
            "https": _address(https_door(section), rest.port),
        }
        files.write_addresses(section.address_file, addresses, "gateway.addressFile")


def link_door(section: GatewaySection) -> Door:
    """The listener for agents."""
    tls = section.link.tls
    return Door("gateway.link", section.link.port, section.link.host, tls.cert_file, tls.key_file, tls.client_ca_file)


def https_door(section: GatewaySection) -> Door:
    """The listener for callers."""
    tls = section.https.tls
    return Door("gateway.https", section.https.port, section.https.host, tls.cert_file, tls.key_file)


def grant_of(credential: CredentialSettings) -> Grant:
    """What a credential of the settings grants."""
    kind = Kind(credential.kind)
    found = bytes.fromhex(credential.sha256)
    if credential.token_file is not None:
        found = digest(files.read_text(credential.token_file, f"gateway.credentials ({credential.name}).tokenFile"))
    verbs = frozenset(Verb(verb) for verb in credential.verbs) if kind is Kind.API else frozenset[Verb]()
    return Grant(credential.name, kind, credential.accounts, verbs, found, credential.certificate)


def dsn_of(database: DatabaseSettings) -> str:
    """The connection string."""
    if database.dsn_file is not None:
        return files.read_text(database.dsn_file, "gateway.database.dsnFile")
    return database.dsn.get_secret_value()


def _missing(section: GatewaySection) -> Iterator[str]:
    database = section.database
    if database.dsn_file is None and not database.dsn.get_secret_value():
        yield "gateway.database: set dsn or dsnFile (postgresql://user:password@host:5432/database)"
    if section.key_file is None:
        yield "gateway.keyFile: name a file for the key that operations are encrypted with; it is made when missing"


def _address(door: Door, port: int) -> str:
    return f"{door.bind_host}:{port}"


def _version() -> str:
    return version("fairlead-gateway")
