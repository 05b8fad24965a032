"""Composition root of the gateway."""

from __future__ import annotations

import math
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from fairlead.contracts.codec import Decoder
from fairlead.gateway.adapters import clouddriver, files, https, peers
from fairlead.gateway.adapters.facade.app import Application, FacadeApplication, beside
from fairlead.gateway.adapters.link import server as link_server
from fairlead.gateway.adapters.postgres import commits
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.census import PostgresCensus
from fairlead.gateway.adapters.postgres.documents import PostgresDocuments
from fairlead.gateway.adapters.postgres.links import PostgresLinks
from fairlead.gateway.adapters.postgres.listing import PostgresListing
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.notices import PostgresNotices
from fairlead.gateway.adapters.postgres.operations import PostgresOperations
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.adapters.postgres.pulse import Pulse
from fairlead.gateway.adapters.postgres.reading import PostgresReader
from fairlead.gateway.adapters.postgres.registrations import PostgresRegistrations
from fairlead.gateway.adapters.postgres.removal import DUTY as REMOVAL
from fairlead.gateway.adapters.postgres.removal import PostgresRemoval
from fairlead.gateway.adapters.postgres.tokens import PostgresTokens
from fairlead.gateway.adapters.postgres.writes import PostgresWrites
from fairlead.gateway.adapters.rest import server as rest
from fairlead.gateway.core import exchanges
from fairlead.gateway.core.doors import Door
from fairlead.gateway.core.facade.admission import Admission
from fairlead.gateway.core.keyring import Keyring
from fairlead.gateway.core.operations import Timing
from fairlead.gateway.core.registration.definition import Template
from fairlead.gateway.core.tokens import VERBS, Grant, Kind, Verb, digest
from fairlead.gateway.flows.account_tokens import AccountTokens
from fairlead.gateway.flows.census import INTERVAL_S as CENSUS_INTERVAL_S
from fairlead.gateway.flows.census import LEASE_S as CENSUS_LEASE_S
from fairlead.gateway.flows.census import Census
from fairlead.gateway.flows.duties import Duty
from fairlead.gateway.flows.facade.barrier import Barrier
from fairlead.gateway.flows.facade.desk import FacadeDesk
from fairlead.gateway.flows.facade.discovery import DiscoveryDocuments
from fairlead.gateway.flows.facade.feeds import Feeds
from fairlead.gateway.flows.facade.openapi import OpenApiDocuments
from fairlead.gateway.flows.facade.passthrough import Bounds, Passthrough
from fairlead.gateway.flows.facade.reading import Reading, now_utc
from fairlead.gateway.flows.facade.schemas import SchemasAhead
from fairlead.gateway.flows.facade.shelf import LastKnown
from fairlead.gateway.flows.facade.tables import render
from fairlead.gateway.flows.facade.writes import Journal
from fairlead.gateway.flows.link.connection import LinkTiming
from fairlead.gateway.flows.links import Gateway, Links
from fairlead.gateway.flows.observation import Observation
from fairlead.gateway.flows.operations import Operations
from fairlead.gateway.flows.peers import PeerDesk, PeerDoor, SharedTunnel
from fairlead.gateway.flows.registration import Registrar
from fairlead.gateway.flows.removal import Removal
from fairlead.gateway.flows.tokens import Tokens
from fairlead.gateway.flows.tunnel import AgentTunnel
from fairlead.gateway.flows.upkeep import repeat
from fairlead.gateway.ports.rest import RestDesk
from fairlead.gateway.ports.tunnel import Tunnel
from fairlead.gateway.settings import (
    ClouddriverSettings,
    CredentialSettings,
    DatabaseSettings,
    GatewaySection,
    Settings,
)
from fairlead.runtime import metrics
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
    problems += [fault for door in doors for fault in files.find_door_faults(door)]
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
    database = Database(dsn, size=section.database.pool_size)
    pulse = Pulse(database)
    scope.ready_when("database", pulse.not_ready)
    metrics.GATEWAY_DATABASE_UP.set_function(lambda: pulse.not_ready() is None)
    await prepare_schema(dsn, wait_s=math.inf, change=section.database.migrate, on_wait=pulse.missed)
    await scope.enter(database)
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
    history = PostgresWrites(database)
    directory, url = PostgresLinks(database), section.facade.url
    own, door = AgentTunnel(links), PeerDoor(keyring)
    others = await scope.enter(peers.opened(door.token, section.peers.ca_file, section.peers.server_name))
    tunnel = SharedTunnel(own, links, directory, others)
    facade = FacadeApplication(_facade(scope, section, _Storage(dsn, database, pulse, history), links, tunnel), tokens)
    registrations = await _registration(scope, section, database, keyring, links.gateway.id)
    census = Census(PostgresCensus(database))
    duty = Duty("census", links.gateway.id, registrations, CENSUS_INTERVAL_S, CENSUS_LEASE_S, census.stand_by)
    scope.start("census", duty.keep(census.step))
    desk = RestDesk(
        operations, observation, tokens, directory, scope.not_ready, history, registrations, links.gateway.id, url
    )
    application = beside(rest.application(desk, _version()), facade)
    if section.peers.url:
        application = beside(application, FacadeApplication(PeerDesk(own), door, exchanges.PREFIX))
    await _open_doors(scope, section, links, tokens, application)


async def _registration(
    scope: Scope, section: GatewaySection, database: Database, keyring: Keyring, gateway: str
) -> PostgresRegistrations:
    """Registration in Clouddriver, and removal: each is done by one gateway for all of them."""
    chosen = section.clouddriver
    store = PostgresRegistrations(database)
    every_s = chosen.check_seconds
    lease_s = 4 * (every_s + chosen.timeout_seconds)
    removal = Removal(
        store=PostgresRemoval(database),
        grace_s=section.account_cleanup_frequency_seconds,
        longest_s=2 * lease_s,
        registered_too=not chosen.url,
    )
    scope.start("removal", Duty(REMOVAL, gateway, store, every_s, lease_s, removal.stand_by).keep(removal.step))
    if chosen.url:
        duty = Duty("registration", gateway, store, every_s, lease_s, Registrar.stand_by)
        service = clouddriver.Service(
            chosen.url,
            chosen.user,
            chosen.tls.ca_file,
            chosen.tls.cert_file,
            chosen.tls.key_file,
            chosen.timeout_seconds,
        )
        fiat = replace(service, url=chosen.fiat_url) if chosen.fiat_url else None
        client = await scope.enter(clouddriver.opened(service, fiat))
        registrar = Registrar(
            store=store,
            clouddriver=client,
            template=template_of(chosen, section.facade.url),
            ours=duty.ours,
            tokens=AccountTokens(PostgresTokens(database), keyring) if chosen.inline_tokens else None,
            adopt=chosen.adopt,
            fiat=client if fiat else None,
            read_back_s=chosen.read_back_seconds,
        )
        scope.start("registration", duty.keep(registrar.step))
    return store


def template_of(chosen: ClouddriverSettings, facade_url: str) -> Template:
    """What definitions have in common."""
    ca = chosen.facade_ca_file
    fields: dict[str, object] = {
        "metrics": chosen.metrics,
        "cacheThreads": chosen.cache_threads,
        "cacheIntervalSeconds": chosen.cache_interval_seconds,
        "omitKinds": list(chosen.omit_kinds),
    }
    if chosen.environment:
        fields["environment"] = chosen.environment
    return Template(
        url=facade_url,
        ca=files.read_text(ca, "gateway.clouddriver.facadeCaFile").encode() + b"\n" if ca is not None else b"",
        token_file=chosen.token_file,
        fields=fields,
        rules=tuple((each.accounts, each.fields) for each in chosen.definitions),
    )


def _links(section: GatewaySection, database: Database, observation: Observation, tokens: Tokens) -> Links:
    store = PostgresLinks(database)
    link = section.link
    return Links(
        gateway=Gateway(
            f"{socket.gethostname()}-{secrets.token_hex(3)}", _version(), link.data_window_bytes, section.peers.url
        ),
        timing=LinkTiming(link.heartbeat_seconds, link.max_age_seconds, link.grace_seconds, link.tunnels),
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


@dataclass(frozen=True)
class _Storage:
    """The database, as the facade needs it."""

    dsn: str
    database: Database
    pulse: Pulse
    history: PostgresWrites

    def away(self) -> bool:
        """Whether it is known to be away: then nobody has to wait for it to find out."""
        return self.pulse.not_ready() is not None


def _facade(scope: Scope, section: GatewaySection, storage: _Storage, links: Links, tunnel: Tunnel) -> FacadeDesk:
    chosen = section.facade
    journal = Journal(storage.history, links.gateway.id, chosen.write_history_seconds)
    scope.start("facade.journal", journal.keep())
    rows = PostgresListing(storage.database, at_once=section.database.pool_size // 2)
    feeds = Feeds(rows, PostgresNotices(storage.dsn, commits.CHANNEL), now_utc)
    scope.start("facade.feeds", feeds.listen())
    shelf = LastKnown(PostgresDocuments(storage.database), storage.away)
    discovery = DiscoveryDocuments(shelf, chosen.documents_bytes // 2)
    bounds = Bounds(body_bytes=chosen.body_bytes, answer_s=chosen.answer_seconds)
    cluster = Passthrough(tunnel, journal, bounds, discovery.unsettle)
    openapi = OpenApiDocuments(shelf, cluster, discovery, chosen.documents_bytes // 2, chosen.openapi_seconds)
    scope.start("facade.schemas", SchemasAhead(openapi, shelf, links).keep())
    return FacadeDesk(
        shelf=shelf,
        discovery=discovery,
        openapi=openapi,
        store=Reading(feeds.store, Barrier(storage.history), feeds, chosen.stale_seconds, render),
        cluster=cluster,
        admission=Admission(chosen.requests_at_once, chosen.streams_at_once),
        database_away=storage.away,
    )


async def _open_doors(
    scope: Scope, section: GatewaySection, links: Links, tokens: Tokens, application: Application
) -> None:
    link_port = await scope.enter(link_server.listen(link_door(section), tokens, links))
    listener = await scope.enter(https.listen(https_door(section), application))
    scope.start("https", listener.serve())
    scope.on_stop(Stage.INTAKE, "https", listener.stop)
    scope.on_stop(Stage.DRAIN, "links", lambda: links.stop(section.stop_grace_seconds))
    if section.address_file is not None:
        addresses = {
            "link": _address(link_door(section), link_port),
            "https": _address(https_door(section), listener.port),
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
    verbs = VERBS[kind].intersection(Verb(verb) for verb in credential.verbs)
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
    chosen = section.clouddriver
    if chosen.url and not section.facade.url:
        yield "gateway.facade.url: say how Clouddriver reaches the gateway (https://fairlead.example.com:8443)"
    if (chosen.tls.cert_file is None) != (chosen.tls.key_file is None):
        yield "gateway.clouddriver.tls: certFile and keyFile belong together; set both"


def _address(door: Door, port: int) -> str:
    return f"{door.bind_host}:{port}"


def _version() -> str:
    return version("fairlead-gateway")
