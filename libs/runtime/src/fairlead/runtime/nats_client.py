"""The client of nats-server: how it is dialled, shows who it is, insists on TLS and tells what ails it."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from contextlib import suppress

import nats
import nats.errors
from nats.aio.client import Client, ServerVersion

from fairlead.contracts.streams import MAX_PAYLOAD_BYTES, SERVER_VERSION_MIN
from fairlead.runtime import logfields
from fairlead.runtime.errors import ConfigurationError, TransientError, chain
from fairlead.runtime.logs import get_logger
from fairlead.runtime.sections import NatsSettings
from fairlead.runtime.settings import read_secret
from fairlead.runtime.tls import Doubt, doubt_of, find_faults

log = get_logger()

PENDING_BYTES_MAX = 64 * 1024 * 1024
"""Bound of what the client buffers for one subscription, and of what it buffers while reconnecting."""
Credential = str | Callable[[], str] | None
RECONNECT_S = 1
REPORT_AGAIN_S = 60.0
REPORTS_KEPT = 32
DENIED_S = 90.0
"""A right that was missed counts as missing for so long after the last attempt."""
CLOSE_S = 5.0
_DENIAL = re.compile(r"permissions violation for (publish|subscription)\b.*? to \"([^\"]+)\"", re.IGNORECASE)
"""What nats-server says to a client that may not do what it does; nats-py gives it in lower case."""


class BusUnavailable(TransientError):
    """nats-server is away, or did not answer in time."""


class _PlaintextRefused(nats.errors.Error):
    """TLS is configured and nats-server offers none; the client would have gone on without."""

    def __str__(self) -> str:
        return "nats-server offers no TLS"


class Events:
    """What the client tells of its connection: logged, and while it is dialled also judged.

    The client tries for ever, and only its error callback says why it does not get through; so an error that no further
    attempt can mend ends the dialling at once.
    """

    def __init__(self, client: Client, settings: NatsSettings) -> None:
        self.client = client
        self.settings = settings
        self.lost = asyncio.Event()
        """Set when the connection is gone for good, or cannot do what it is there for."""
        self.refusal: str = ""
        """A subscription that was denied: only another connection can ask for it again."""
        self.back = asyncio.Event()
        """Set when the connection stands again; each outage has one of its own."""
        self.on_reconnect: list[Callable[[], None]] = []
        """Called each time when the connection stands again."""
        self.fatal: Exception | None = None
        self.dialling: asyncio.Timeout | None = None
        self._told: dict[str, float] = {}
        self._denied: tuple[str, float] = ("", 0.0)

    async def error(self, error: Exception) -> None:
        """Take note of an error; the same text is logged once a minute, for each attempt to reconnect tells it again."""
        if self.dialling is not None and _is_fatal(error):
            self.fatal = error
            self.dialling.reschedule(0.0)
            self.dialling = None
            return
        if denial := _DENIAL.search(str(error)):
            self._deny(*denial.groups())
        elif self._is_news(text := chain(error)):
            log.warning("nats-server reports an error", **{logfields.ERROR: text, logfields.ADDRESS: self.settings.url})

    def missing_right(self) -> str | None:
        """What the user was not allowed to do lately."""
        text, at = self._denied
        return text if text and time.monotonic() - at < DENIED_S else None

    def _deny(self, act: str, subject: str) -> None:
        who = f"user {self.settings.user!r}" if self.settings.user else "a client without a user"
        what = "subscribe" if act.lower() == "subscription" else "publish"
        text = (
            f"nats.user: nats-server does not let {who} {what} to {subject}; set the user of this service, or give nats-server"
            " the permissions that `fairlead nats-config` prints"
        )
        self._denied = (text, time.monotonic())
        if self._is_news(text):
            log.error("a right is missing on nats-server", **{logfields.REASON: text})
        if what == "subscribe":
            self.refusal = text
            self.lost.set()

    def _is_news(self, text: str) -> bool:
        now = time.monotonic()
        if now - self._told.get(text, -REPORT_AGAIN_S) < REPORT_AGAIN_S:
            return False
        if len(self._told) >= REPORTS_KEPT:
            self._told.clear()
        self._told[text] = now
        return True

    async def disconnected(self) -> None:
        """The client reconnects by itself, unless it was closed."""
        if not self.client.is_closed:
            log.warning("lost nats-server; reconnecting")

    async def reconnected(self) -> None:
        """It is back, subscriptions and all."""
        self._told.clear()
        self._denied = ("", 0.0)  # what still is denied will be told again
        log.info("nats-server is back")
        self.back.set()
        self.back = asyncio.Event()
        for call in self.on_reconnect:
            call()

    async def closed(self) -> None:
        """The client has given up for good."""
        self.lost.set()


async def dial(settings: NatsSettings, service: str, timeout_s: float) -> tuple[Client, Events]:
    """Connect; gives the client and what happens to its connection.

    Raises:
        ConfigurationError: nats-server refuses the user, or does not fit the TLS settings.
        BusUnavailable: it cannot be reached within ``timeout_s``.

    """
    client = Client()
    events = Events(client, settings)
    user, password = _credentials(client, settings)
    try:
        async with asyncio.timeout(timeout_s) as events.dialling:
            await client.connect(
                servers=[server.strip() for server in settings.url.split(",")], name=f"fairlead-{service}",
                user=user, password=password, tls=_tls(settings), inbox_prefix=f"_INBOX.{service}",
                error_cb=events.error, disconnected_cb=events.disconnected, reconnected_cb=events.reconnected,
                closed_cb=events.closed, allow_reconnect=True, max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_S, connect_timeout=5, ping_interval=20, max_outstanding_pings=2,
                pending_size=PENDING_BYTES_MAX,
            )  # fmt: skip
    except (TimeoutError, nats.errors.Error, OSError) as error:
        events.dialling = None
        await client.close()
        if client._transport:  # noqa: SLF001 - a client that was interrupted while it closed takes itself for closed
            client._transport.close()  # type: ignore[no-untyped-call]  # noqa: SLF001 - as above
        if events.fatal is not None:
            raise _misconfigured(events.fatal, settings) from events.fatal
        raise BusUnavailable(f"nats.url: no nats-server answers at {settings.url}; is it running?") from error
    events.dialling = None
    return client, events


def _is_fatal(error: Exception) -> bool:
    return isinstance(error, ssl.SSLError | _PlaintextRefused) or "authorization" in str(error).lower()


def _misconfigured(error: Exception, settings: NatsSettings) -> ConfigurationError:
    if isinstance(error, _PlaintextRefused):
        return ConfigurationError(
            f"nats.url, nats.caFile: TLS is configured, but nats-server at {settings.url} has none"
        )
    if isinstance(error, ssl.SSLError):
        return ConfigurationError(_tls_fault(error, settings.url))
    who = f"user {settings.user!r}" if settings.user else "a client without a user"
    return ConfigurationError(f"nats.user, nats.password: nats-server at {settings.url} refuses {who}")


def _tls_fault(error: ssl.SSLError, url: str) -> str:
    said = getattr(error, "verify_message", "") or error.reason or "no further details"
    doubt = doubt_of(error) if isinstance(error, ssl.SSLCertVerificationError) else Doubt.AUTHORITY
    match doubt:
        case Doubt.TIME:
            return f"nats.url: the certificate of nats-server at {url} is out of its time ({said}): renew it there"
        case Doubt.NAME:
            return (
                f"nats.url: the certificate of nats-server at {url} is another host's ({said}): use a host that it names, or"
                " give nats-server one for this host"
            )
        case _:
            return (
                f"nats.caFile, nats.certFile, nats.keyFile: TLS with {url} failed ({said});"
                " does caFile hold the authority of its certificate, and does it want a client certificate?"
            )


def _credentials(client: Client, settings: NatsSettings) -> tuple[Credential, Credential]:
    """User and password; with TLS configured they are given only once it stands.

    nats-py goes on in plain text, password and all, when the server does not ask for TLS; it calls these functions when
    it logs in, at each connect and reconnect. So a password that was changed in its file is used from then on.
    """
    password = _password(settings)
    if not _wants_tls(settings):
        return settings.user or None, password

    def guarded(value: Credential) -> Callable[[], str]:
        def give() -> str:
            if not client._server_info.get("tls_required"):  # noqa: SLF001 - told nowhere else
                raise _PlaintextRefused
            return (value() if callable(value) else value) or ""

        return give

    return guarded(settings.user), guarded(password)


async def close(client: Client) -> None:
    """End the connection: what is buffered is sent first, if it can be."""
    if client.is_closed:
        return
    try:
        async with asyncio.timeout(CLOSE_S):
            await client.drain()
    except (nats.errors.Error, TimeoutError, OSError):
        await client.close()


def check_server(version: ServerVersion, max_payload: int) -> None:
    """Refuse a nats-server that is too old or grants too small messages.

    Raises:
        ConfigurationError: says what to do.

    """
    found = (version.major, version.minor, version.patch)
    if found < SERVER_VERSION_MIN:
        needed = ".".join(map(str, SERVER_VERSION_MIN))
        raise ConfigurationError(
            f"nats-server {'.'.join(map(str, found))} is too old: install {needed} or newer (distributions carry older ones)"
        )
    if max_payload < MAX_PAYLOAD_BYTES:
        raise ConfigurationError(
            f"nats-server grants messages of {max_payload} bytes: set `max_payload: {MAX_PAYLOAD_BYTES}` in its configuration"
        )


def _wants_tls(settings: NatsSettings) -> bool:
    return settings.ca_file is not None or settings.cert_file is not None or "tls://" in settings.url


def _tls(settings: NatsSettings) -> ssl.SSLContext | None:
    if settings.ca_file is None and settings.cert_file is None:
        return None
    faults = find_faults(
        authority=("nats.caFile", settings.ca_file),
        certificate=("nats.certFile", settings.cert_file),
        key=("nats.keyFile", settings.key_file),
    )
    if faults:
        raise ConfigurationError(*faults)
    context = ssl.create_default_context(cafile=str(settings.ca_file) if settings.ca_file else None)
    if settings.cert_file is not None:
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")
    return context


def _password(settings: NatsSettings) -> Credential:
    if settings.password_file is None:
        return settings.password.get_secret_value() or None
    file, latest = settings.password_file, read_secret(settings.password_file, "nats.passwordFile")

    def read() -> str:
        nonlocal latest
        with suppress(ConfigurationError):  # in the middle of its replacement
            latest = read_secret(file, "nats.passwordFile")
        return latest

    return read
