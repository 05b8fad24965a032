"""The bucket of claims in JetStream's key-value store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.js.api import KeyValueConfig, StorageType
from nats.js.kv import KeyValue

from fairlead.contracts.streams import CLAIMS
from fairlead.executor.core.claims import Claim, decode_claim, encode_claim
from fairlead.executor.errors import ClaimExists, ClaimMoved, ClaimsUnavailable
from fairlead.executor.ports import Held
from fairlead.runtime import logfields
from fairlead.runtime.bus import Bus, BusUnavailable, NoResponder
from fairlead.runtime.errors import chain
from fairlead.runtime.logs import get_logger

log = get_logger()
T = TypeVar("T")

TIMEOUT_S = 3.0
TRIES_MAX = 3
PAUSE_S = 0.5
CHECK_INTERVAL_S = 5.0
_AWAY = (nats.errors.Error, TimeoutError, OSError, json.JSONDecodeError)


class BucketClaims:
    """Claims in the bucket ``CLAIMS``, which this service owns: it is made when it is missing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._jetstream = bus.client.jetstream(timeout=TIMEOUT_S)
        self._bucket: KeyValue | None = None
        self._missing = "not looked for yet"

    def not_ready(self) -> str | None:
        """Answer a readiness question."""
        return self._missing or None

    async def tend(self) -> None:
        """Make the bucket again whenever it is gone; a task of the service.

        The gateway is told of the bucket that stands, so it should stand before an operation needs it.
        """
        while True:
            try:
                await self._open()
                self._missing = ""
            except _AWAY as error:
                if not self._missing:
                    log.warning("the bucket of claims is away: operations wait", **{logfields.ERROR: chain(error)})
                self._missing = "the bucket of claims is away"
            await asyncio.sleep(CHECK_INTERVAL_S)

    async def create(self, operation_id: str, claim: Claim) -> int:
        """Claim an operation; see `ports.Claims`."""

        async def create(bucket: KeyValue) -> int:
            return await bucket.create(operation_id, encode_claim(claim))

        return await self._change(operation_id, claim, create, ClaimExists("the operation is claimed"))

    async def update(self, operation_id: str, claim: Claim, revision: int) -> int:
        """Replace a claim; see `ports.Claims`."""

        async def update(bucket: KeyValue) -> int:
            return await bucket.update(operation_id, encode_claim(claim), last=revision)

        return await self._change(operation_id, claim, update, ClaimMoved("the claim has moved"))

    async def read(self, operation_id: str) -> Held | None:
        """Read a claim; see `ports.Claims`."""

        async def read(bucket: KeyValue) -> Held | None:
            try:
                entry = await bucket.get(operation_id)
            except nats.js.errors.KeyNotFoundError:
                return None
            return Held(decode_claim(entry.value or b""), entry.revision or 0)

        try:
            return await self._tried(read)
        except ValueError as error:
            raise ClaimsUnavailable("a claim cannot be read: another release may have written it") from error

    async def incarnation(self) -> str:
        """Name the bucket's incarnation; see `ports.Claims`."""
        try:
            created = await self._bus.stream_created(f"KV_{CLAIMS.name}")
        except (BusUnavailable, NoResponder) as error:
            raise ClaimsUnavailable("JetStream does not tell about the bucket of claims") from error
        if not created:
            raise ClaimsUnavailable("there is no bucket of claims at the moment")
        return created

    async def _change(
        self, operation_id: str, claim: Claim, change: Callable[[KeyValue], Awaitable[int]], lost: Exception
    ) -> int:
        """Make a change once: one whose answer was lost is recognised by its run and state."""
        try:
            return await self._tried(change)
        except nats.js.errors.KeyWrongLastSequenceError:
            held = await self.read(operation_id)
            if held is not None and held.claim == claim:
                return held.revision
            raise lost from None

    async def _tried(self, act: Callable[[KeyValue], Awaitable[T]]) -> T:
        """Act on the bucket, again after a failure that may pass; a missing bucket is made anew."""
        for tried in range(1, TRIES_MAX + 1):
            try:
                return await act(self._bucket or await self._open())
            except nats.js.errors.KeyWrongLastSequenceError:
                raise
            except _AWAY as error:
                self._bucket = None
                if tried == TRIES_MAX or not self._bus.connected:
                    raise ClaimsUnavailable("the bucket of claims cannot be reached") from error
                if not isinstance(error, nats.js.errors.NoStreamResponseError):  # then the bucket is made at once
                    await asyncio.sleep(PAUSE_S)
        raise AssertionError("the last try returns or raises")

    async def _open(self) -> KeyValue:
        try:
            self._bucket = await self._jetstream.key_value(CLAIMS.name)
        except nats.js.errors.BucketNotFoundError:
            log.info("making the bucket of claims", **{logfields.NAME: CLAIMS.name})
            self._bucket = await self._jetstream.create_key_value(
                KeyValueConfig(
                    bucket=CLAIMS.name, ttl=CLAIMS.ttl_s, max_bytes=CLAIMS.max_bytes, storage=StorageType.FILE, history=1
                )
            )  # fmt: skip
        return self._bucket
