"""Parts that cannot start, or cannot work together: what each says, how it ends, and that `/health` never lies about it.

Services are processes; their neighbours are real nats-servers, PostgreSQL and gateways. The services of a test run side by side.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.certificates import CertificateFiles
from tests.support.polling import wait_until
from tests.support.processes import SESSION_PROCESSES
from tests.support.started_services import Settings, StartedService, StartedServices
from tests.unit.scrubber.test_flows import raw

from fairlead.cli.gateway import Gateway, GatewayUnreachable
from fairlead.cli.nats_config import authorization
from fairlead.cli.parts.nats_server import NatsServer, NatsTls
from fairlead.cli.parts.ports import free_port
from fairlead.cli.parts.postgres import FAST_SETTINGS, Postgres
from fairlead.cli.stack import SimulatedCluster
from fairlead.contracts.subjects import RAW_BATCH
from fairlead.runtime.bus import BusUnavailable, connect
from fairlead.runtime.sections import NatsSettings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FAILED, MISCONFIGURED = 1, 2
AGENT_SERVICES = ("bridge", "executor", "scrubber", "watcher")
PROGRAMS = (*AGENT_SERVICES, "agent", "gateway")


@pytest.fixture
def services(tmp_path: Path) -> Iterator[StartedServices]:
    """Starts services that end with the test."""
    with StartedServices(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    """Good and bad certificates of one authority."""
    return CertificateFiles(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module", autouse=True)
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, StartedService]]:
    """Every program without settings; the agent's need half a minute to give up, so they begin before all else."""
    with StartedServices(tmp_path_factory.mktemp("empty")) as started:
        found = {name: started.start(name, {}, **_nobody_at_the_default()) for name in PROGRAMS}
        SESSION_PROCESSES.extend(each.process for each in found.values())
        yield found


def _nobody_at_the_default() -> dict[str, str]:
    """Nothing, unless somebody runs a nats-server of his own on this machine: then an address where there is none."""
    with socket.socket() as knocking:
        taken = knocking.connect_ex(("127.0.0.1", 4222)) == 0
    return {"FAIRLEAD__NATS__URL": f"nats://127.0.0.1:{free_port()}"} if taken else {}


@contextmanager
def taken_port() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        yield int(somebody.getsockname()[1])


def gateway_settings(directory: Path, dsn: str, **gateway: Any) -> Settings:
    """A gateway on free ports of loopback, without TLS unless ``gateway`` says otherwise."""
    plain = {"host": "127.0.0.1", "port": 0}
    section: Settings = {"database": {"dsn": dsn}, "keyFile": str(directory / "operations.key")}
    return {"gateway": {**section, "link": plain, "https": plain, **gateway}}


# ---- ports


def test_ports_in_use(services: StartedServices, database: str, tmp_path: Path) -> None:
    """Each listener that finds its port taken ends the program with 2 and names its setting."""
    with taken_port() as port:
        door = {"host": "127.0.0.1", "port": port}
        cases: dict[str, Settings] = {
            "health.port": {"health": {"port": port}},
            "health.metricsPort": {"health": {"metricsPort": port}},
            "gateway.link.port": gateway_settings(tmp_path, database, link=door),
            "gateway.https.port": gateway_settings(tmp_path, database, https=door),
        }
        started = {
            setting: services.start("gateway" if "gateway" in setting else "scrubber", settings)
            for setting, settings in cases.items()
        }
        for setting, service in started.items():
            service.assert_ends(MISCONFIGURED, f"{setting}: cannot listen on", str(port))


# ---- files


def test_files_that_cannot_be_used(
    services: StartedServices, certificates: CertificateFiles, nats_server: NatsServer, tmp_path: Path
) -> None:
    """Certificates, keys, tokens and passwords that are missing, no files, or do not fit: all are named at once, with 2."""
    folder, nonsense = tmp_path / "folder", tmp_path / "nonsense"
    folder.mkdir()
    nonsense.write_text("nonsense", encoding="utf-8")
    foreign_key = {"certFile": str(certificates.certificate("good")), "keyFile": str(certificates.key("expired"))}
    doors = {
        "link": {"tls": {**foreign_key, "clientCaFile": str(nonsense)}},
        "https": {"tls": {"certFile": str(folder), "keyFile": "/nowhere"}},
    }
    token = {"credentials": [{"name": "robot", "kind": "api", "accounts": ["*"], "tokenFile": str(folder)}]}
    bus: Settings = {"nats": {"url": nats_server.url}}
    gateway = services.start("gateway", gateway_settings(tmp_path, "postgresql://127.0.0.1:1/none", **doors))
    robot = services.start("gateway", gateway_settings(tmp_path, "postgresql://127.0.0.1:1/none", **token))
    bridge = services.start(
        "bridge", {**bus, "clouddriver": {"tls": {"cacertFile": str(nonsense)}, "auth": {"tokenFile": str(folder)}}}
    )
    trust = services.start(
        "scrubber", {"nats": {**bus["nats"], "caFile": "/nowhere", "certFile": str(folder), "keyFile": str(nonsense)}}
    )
    password = services.start("executor", {"nats": {**bus["nats"], "user": "executor", "passwordFile": "/nowhere"}})
    accounts = {"accounts": [{"name": "shore", "kubeconfigFile": "/nowhere"}]}
    watcher = services.start("watcher", {**bus, "kubernetes": accounts})

    gateway.assert_ends(
        MISCONFIGURED, "gateway.link.tls.clientCaFile: ", "gateway.link.tls.keyFile: ", "gateway.https.tls.certFile: ",
        "gateway.https.tls.keyFile: ",
    )  # fmt: skip
    robot.assert_ends(MISCONFIGURED, "gateway.credentials (robot).tokenFile: ", str(folder))
    bridge.assert_ends(MISCONFIGURED, "clouddriver.tls.cacertFile: ", "clouddriver.auth.tokenFile: ")
    trust.assert_ends(MISCONFIGURED, "nats.caFile: /nowhere", "nats.certFile: ")
    password.assert_ends(MISCONFIGURED, "nats.passwordFile: /nowhere")
    told = "kubernetes.accounts[].kubeconfigFile: kubeconfig /nowhere: no such file"
    wait_until(lambda: told in watcher.said(), what=told)
    assert watcher.process.running, "its other accounts have nothing to do with it"


# ---- bridge and callers against the gateway


def test_bridge_and_callers_that_do_not_fit_the_gateway(
    services: StartedServices, certificates: CertificateFiles, database: str, nats_server: NatsServer, tmp_path: Path
) -> None:
    """TLS and plain text crossed, certificates expired, of another host or authority: each bridge waits and names the setting."""
    ports = {name: (free_port(), free_port()) for name in ("expired", "elsewhere", "plain")}
    gateways: dict[str, StartedService] = {}
    for name, (link, https) in ports.items():
        tls = {} if name == "plain" else {"tls": certificates.listener(name)}
        doors = {
            "link": {"host": "127.0.0.1", "port": link, **tls},
            "https": {"host": "127.0.0.1", "port": https, **tls},
        }
        gateways[name] = services.start("gateway", gateway_settings(tmp_path, database, **doors))
    for each in gateways.values():
        wait_until(lambda each=each: each.health()[0] == 200, within_s=30)  # type: ignore[misc]

    trusted, foreign = ({"tls": {"cacertFile": str(certificates.certificate(name))}} for name in ("ca", "foreign"))
    cases: dict[str, tuple[str, Settings, str]] = {
        "expired": ("expired", trusted, "renew gateway.link.tls.certFile"),
        "of another host": ("elsewhere", trusted, "clouddriver.tls.serverName"),
        "of another authority": ("expired", foreign, "clouddriver.tls.cacertFile"),
        "plain text to TLS": ("expired", {"insecure": True}, "remove clouddriver.insecure"),
        "TLS to plain text": ("plain", trusted, "it does not speak TLS there"),
    }
    bridges = {
        name: services.start(
            "bridge",
            {
                "nats": {"url": nats_server.url},
                "clouddriver": {"grpc": f"127.0.0.1:{ports[at][0]}", "noProxy": True, **settings},
            },
        )
        for name, (at, settings, _) in cases.items()
    }
    for name, (_, _, told) in cases.items():
        bridges[name].assert_waits("no link to 127.0.0.1", told, in_log=("the gateway cannot be reached",))
    assert "a certificate has expired" in gateways["expired"].said()
    assert "gateway.link.tls.certFile" in gateways["expired"].said()
    told_to_callers(certificates, {name: https for name, (_, https) in ports.items()})


def told_to_callers(certificates: CertificateFiles, ports: dict[str, int]) -> None:
    """The command line says what does not fit, and where to change it."""
    cases = [
        ("https", "expired", "ca", r"renew gateway\.https\.tls\.certFile"),
        ("https", "elsewhere", "ca", "a name that it has in --gateway"),
        ("https", "elsewhere", "foreign", "--ca-file"),
        ("http", "expired", "ca", "takes no plain HTTP.*--gateway"),
        ("https", "plain", "ca", "does not speak TLS.*--gateway"),
    ]
    for scheme, name, authority, told in cases:
        url = f"{scheme}://127.0.0.1:{ports[name]}"
        with Gateway(url, token="t", ca_file=certificates.certificate(authority), trust_env=False) as caller:  # noqa: SIM117
            with pytest.raises(GatewayUnreachable, match=told):
                caller.accounts()


# ---- nats-server


def test_services_that_do_not_fit_nats_server(
    services: StartedServices, certificates: CertificateFiles, nats_servers: Callable[..., NatsServer]
) -> None:
    """Certificates and plain text as above, on the bus: the service ends with 2 and names the setting."""
    with_tls = {
        name: nats_servers(tls=NatsTls(certificates.certificate(name), certificates.key(name)))
        for name in ("good", "expired", "elsewhere")
    }
    plain = nats_servers()
    trusted, foreign = ({"caFile": str(certificates.certificate(name))} for name in ("ca", "foreign"))
    cases = [
        ({"url": with_tls["good"].url, **foreign}, "nats.caFile"),
        ({"url": with_tls["good"].url.replace("tls://", "nats://")}, "nats.caFile"),
        ({"url": with_tls["expired"].url, **trusted}, "nats.url: the certificate"),
        ({"url": with_tls["elsewhere"].url, **trusted}, "another host's"),
        ({"url": plain.url, **trusted}, "nats.caFile: TLS is configured"),
    ]
    started = [(services.start("scrubber", {"nats": nats}), told) for nats, told in cases]
    good = services.start("scrubber", {"nats": {"url": with_tls["good"].url, **trusted}})
    for service, told in started:
        service.assert_ends(MISCONFIGURED, told)
    wait_until(lambda: good.health()[0] == 200)


@pytest.fixture
def bus(nats_servers: Callable[..., NatsServer]) -> NatsServer:
    """A nats-server with the generated users (password: their names), one who may not subscribe and one who may not publish."""
    users = authorization(lambda user: f'"{user}"', administrator="admin")
    # A user whose inbox alone is open, and one who hears everything and may say nothing.
    poor = [
        '{ user: deaf, password: "deaf", permissions: { publish: ">", subscribe: "_INBOX.>" } }',
        '{ user: mute, password: "mute", permissions: { publish: { deny: ">" }, subscribe: ">" } }',
    ]
    head, _, tail = users.rpartition("  ]")
    return nats_servers(config="\n".join([head, *poor, f"  ]{tail}"]))


def login(bus: NatsServer, user: str) -> Settings:
    """Settings of a service that takes this user."""
    return {"nats": {"url": bus.url, "user": user, "password": user}}


def test_users_of_nats_server_that_may_not_subscribe(services: StartedServices, bus: NatsServer) -> None:
    """Another service's user, or one without rights: each service ends with 2 and names setting, user and subject."""
    others = {"bridge": "watcher", "executor": "bridge", "scrubber": "executor", "watcher": "scrubber"}
    started = [(user, services.start(service, login(bus, user))) for service, user in others.items()]
    started += [("deaf", services.start(service, login(bus, "deaf"))) for service in AGENT_SERVICES]
    for user, service in started:
        service.assert_ends(MISCONFIGURED, f"nats.user: nats-server does not let user '{user}' subscribe to ")


def test_users_of_nats_server_that_may_not_publish(services: StartedServices, bus: NatsServer, tmp_path: Path) -> None:
    """A right that shows only when it is used: the service stays, is not ready, and names setting, user and subject."""
    needs = {"bridge": "$js.api.", "executor": "$js.api.", "watcher": "fairlead.call.claim"}
    with SimulatedCluster(tmp_path / "cluster", shop=False) as cluster:
        account = {"name": "shore", "kubeconfigFile": str(cluster.kubeconfig), "noProxy": True, "kinds": ["ConfigMap"]}
        settings = {**login(bus, "mute"), "kubernetes": {"accounts": [account]}}
        started = {service: services.start(service, settings) for service in needs}
        for service, subject in needs.items():
            told = f"nats.user: nats-server does not let user 'mute' publish to {subject}"
            started[service].assert_waits(told, in_log=(told,))


def test_a_scrubber_that_may_not_publish(services: StartedServices, bus: NatsServer) -> None:
    """It learns so from its first batch: not ready from then on, and the batch is not taken."""
    scrubber = services.start("scrubber", login(bus, "mute"))
    wait_until(lambda: scrubber.health()[0] == 200, what="a scrubber that knows nothing of it yet")

    async def send() -> None:
        admin = NatsSettings.model_validate(login(bus, "admin")["nats"])
        async with connect(admin, "admin") as watcher:
            with pytest.raises(BusUnavailable):
                await watcher.request(RAW_BATCH, raw(), timeout_s=1)

    asyncio.run(send())
    told = "nats.user: nats-server does not let user 'mute' publish to fairlead.clean.batch"
    wait_until(lambda: told in scrubber.health()[1], what=told)


def test_an_unknown_user_of_nats_server(services: StartedServices, bus: NatsServer) -> None:
    """A user or password that nats-server does not know ends the service with 2."""
    stranger = services.start("watcher", login(bus, "stranger"))
    nobody = services.start("bridge", {"nats": {"url": bus.url}})
    stranger.assert_ends(MISCONFIGURED, "nats.user, nats.password: nats-server at", "refuses user 'stranger'")
    nobody.assert_ends(MISCONFIGURED, "nats.user, nats.password: nats-server at", "refuses a client without a user")


# ---- PostgreSQL


@pytest.fixture
def guarded_postgres(certificates: CertificateFiles) -> Iterator[Postgres]:
    """A server that takes no connection without TLS: a distribution's, for PyPI's is built without."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip(
            "no PostgreSQL with TLS in /usr/lib/postgresql: install the distribution's (PyPI's is built without)"
        )
    directory = Path(tempfile.mkdtemp(prefix="fairlead-postgres-"))
    directory.chmod(0o755)
    server = Postgres(directory, password=None, settings=FAST_SETTINGS, bin_dir=found[-1])
    server.start()
    owner = (server.data / "PG_VERSION").owner()
    for name, source in (("server.crt", certificates.certificate("good")), ("server.key", certificates.key("good"))):
        target = server.data / name
        shutil.copyfile(source, target)
        target.chmod(0o600)
        shutil.chown(target, owner)
    server.execute("ALTER SYSTEM SET ssl = on")
    (server.data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n", encoding="utf-8")
    server.restart()
    yield server
    server.stop()
    shutil.rmtree(directory, ignore_errors=True)


def test_gateways_that_do_not_fit_postgresql(
    services: StartedServices,
    certificates: CertificateFiles,
    postgres: Postgres,
    guarded_postgres: Postgres,
    tmp_path: Path,
) -> None:
    """Plain text and TLS crossed, another authority, a database or role that is not there: it waits and names the setting."""
    guarded = guarded_postgres.dsn("postgres")
    cases = [
        (f"{postgres.dsn('postgres')}?sslmode=require", "SSL"),
        (f"{guarded}?sslmode=disable", "pg_hba.conf"),
        (f"{guarded}?sslmode=verify-full&sslrootcert={certificates.certificate('foreign')}", "certificate verify failed"),
        (postgres.dsn("absent"), "absent"),
        (postgres.dsn("postgres").replace("://fairlead", "://nobody"), "nobody"),
        (f"postgresql://127.0.0.1:{free_port()}/away", "refused"),
    ]  # fmt: skip
    started = [(services.start("gateway", gateway_settings(tmp_path, dsn)), told) for dsn, told in cases]
    for service, told in started:
        setting = "gateway.database.dsn (or dsnFile)"
        service.assert_waits("starting", "gateway.database", in_log=("waiting for the database", setting, told))
    for service, _ in started:
        assert service.process.stop() == 0, service.said()


def test_roles_with_too_few_rights(
    services: StartedServices, database: str, postgres: Postgres, tmp_path: Path
) -> None:
    """A role that may not migrate, one that may not read and one that may not write: the gateway ends with 2 and says what to do."""
    name = database.rpartition("/")[2]
    roles = [f"{name}_{kind}" for kind in ("plain", "reader")]
    try:
        for role in roles:
            postgres.execute(f"CREATE ROLE {role} LOGIN", name)

        def dsn(role: str) -> str:
            return postgres.dsn(name).replace("://fairlead", f"://{role}")

        empty_schema = services.start("gateway", gateway_settings(tmp_path, dsn(roles[0])))
        may_not = services.start(
            "gateway", gateway_settings(tmp_path, database, database={"dsn": database, "migrate": False})
        )
        empty_schema.assert_ends(
            MISCONFIGURED, f"gateway.database.dsn: the role '{roles[0]}' may not", "fairlead gateway migrate"
        )
        may_not.assert_ends(MISCONFIGURED, "gateway.database.migrate is off", "fairlead gateway migrate")

        owner = services.start("gateway", gateway_settings(tmp_path, database))
        wait_until(lambda: owner.health()[0] == 200, within_s=30)
        postgres.execute(f"GRANT USAGE ON SCHEMA fairlead TO {roles[1]}", name)
        postgres.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA fairlead TO {roles[1]}", name)
        blind = services.start("gateway", gateway_settings(tmp_path, dsn(roles[0])))
        reader = services.start("gateway", gateway_settings(tmp_path, dsn(roles[1])))
        blind.assert_ends(MISCONFIGURED, f"gateway.database.dsn: the role '{roles[0]}' may not read", "select, insert")
        reader.assert_ends(MISCONFIGURED, "gateway.database.dsn: the role lacks a right", "select, insert")
        assert owner.process.stop() == 0
    finally:
        for role in roles:
            postgres.execute(f"DROP OWNED BY {role}", name)
            postgres.execute(f"DROP ROLE {role}", name)


# ---- nothing at all


def test_programs_without_settings(empty: dict[str, StartedService]) -> None:
    """Each program says which setting it needs first; the agent's wait for nats-server for half a minute, not ready."""
    empty["gateway"].assert_ends(MISCONFIGURED, "gateway.database: set dsn or dsnFile", "gateway.keyFile: ")
    for name in (*AGENT_SERVICES, "agent"):
        empty[name].assert_ends(FAILED, "nats.url: no nats-server answers at nats://127.0.0.1:", within_s=90)
    for name in ("watcher", "executor"):
        assert "kubernetes.accounts names no account" in empty[name].said(), name
