"""The watcher's steps: what `Reflector` decides, one step at a time, over the product's `Session`."""

from __future__ import annotations

from tests.protocol.cluster import KEYS
from tests.protocol.mirrors import ACCOUNT, CLUSTER, PODS
from tests.protocol.state import SCOPES, WINDOW, Flight, Listing, State, Watcher

from fairlead.contracts import codec
from fairlead.contracts.envelope import Batch, Source
from fairlead.gateway.core.sessions import OpenRequest
from fairlead.gateway.errors import SessionClosed
from fairlead.watcher.core.batching import Stream, collect
from fairlead.watcher.core.session import Known, Opened, Session, VersionsRanBackwards


class Watching(State):
    """Two watcher processes, one of which holds the lease."""

    async def step(self, a: int, b: int) -> None:
        watcher = self.watchers[a % 2]
        if watcher.lease and watcher.phase != "idle" and watcher.scope != self.scope:
            watcher.reset()
        if watcher.phase == "idle":
            await self._begin(watcher, b)
        elif watcher.phase == "opened":
            await self._list_or_resume(watcher, b)
        elif watcher.phase == "listing":
            await self._page(watcher, b)
        else:
            await self._watch(watcher, b)

    async def _begin(self, watcher: Watcher, b: int) -> None:
        if not watcher.lease:
            return
        if b % 11 == 0:
            await self._open(watcher)
            self.say("an open whose reply is lost")
            return
        await self._start(watcher, list_anew=b % 7 == 0)

    async def _open(self, watcher: Watcher) -> Opened:
        scope = "".join(sorted(self.scope))
        request = OpenRequest(ACCOUNT, CLUSTER, PODS, "", scope, watcher.known_epoch, watcher.ended_epoch)
        opened = await self.mirror.store.open_session(request)
        self.checkpoint = await self.mirror.checkpoint()
        return Opened(opened.session, opened.epoch, opened.checkpoint, 0, opened.highest or 0)

    async def _start(self, watcher: Watcher, *, list_anew: bool) -> None:
        watcher.reset()
        opened = await self._open(watcher)
        watcher.ended_epoch, watcher.known_epoch = 0, opened.epoch
        watcher.scope, watcher.phase = self.scope, "opened"
        watcher.list_anew = list_anew or opened.checkpoint is None
        watcher.stream = Stream(Source(ACCOUNT, str(CLUSTER), PODS, "", opened.session, opened.epoch), Session(opened))
        self.timelines[opened.session] = watcher.timeline = self.cluster.timeline
        self.scopes[opened.session] = self.scope
        self.say("watcher", watcher.number, "opens", opened)

    async def _again(self, watcher: Watcher, why: str) -> None:
        """End the session; the next one lists."""
        self.say("watcher", watcher.number, "lists anew:", why)
        if watcher.lease:
            await self._start(watcher, list_anew=True)
        else:
            watcher.reset()

    async def _backwards(self, watcher: Watcher, error: VersionsRanBackwards) -> None:
        self.count("epoch")
        if watcher.lease:
            watcher.ended_epoch = watcher.session.opened.epoch
            self.cluster.looked_at()
        await self._again(watcher, str(error))

    async def _list_or_resume(self, watcher: Watcher, b: int) -> None:
        session, cluster = watcher.session, self.cluster
        if not watcher.list_anew:
            self._saw_timeline(watcher)
            session.resume()
            watcher.phase = "watching"
            return
        if not await self._download(watcher):
            return
        try:
            if session.opened.highest:
                session.probe(cluster.version)
        except VersionsRanBackwards as error:
            await self._backwards(watcher, error)
            return
        version, least = cluster.version, session.opened.checkpoint
        if least is not None and b % 4 == 0:
            version = max(least, cluster.compacted, 1, version - (b // 4) % 8)
        if version < (least or 0) or version > cluster.version:
            return
        if watcher.lease:
            cluster.looked_at()
        self._saw_timeline(watcher)
        session.list_begins()
        watcher.listing, watcher.phase = Listing(version), "listing"
        self.say("watcher", watcher.number, "lists at", version)

    async def _download(self, watcher: Watcher) -> bool:
        """Fetch what the gateway holds; False when it says that the session is closed."""
        after = None
        while True:
            try:
                rows, last = await self.mirror.store.stored_versions(watcher.id, after, limit=2)
            except SessionClosed as error:
                self.say("stored versions refused:", error)
                watcher.reset()
                return False
            for row in rows:
                watcher.session.known[row.key] = Known(row.epoch, row.version, None if row.tombstone else row.uid)
            if last:
                return True
            after = rows[-1].key

    async def _page(self, watcher: Watcher, b: int) -> None:
        session, listing = watcher.session, watcher.listing
        assert listing is not None
        if listing.pages == 1 and len(watcher.flights) >= WINDOW:
            return
        if listing.dead or b % 13 == 0 or (b % 17 == 1 and listing.pages):
            await self._again(watcher, "list failed")
            return
        snapshot = self.cluster.at(listing.version)
        page = KEYS[2 * listing.pages : 2 * listing.pages + 2]
        session.listed(snapshot[key].observed for key in page if key in snapshot and key.namespace in watcher.scope)
        listing.pages += 1
        if listing.pages < 2:
            return
        watcher.listing, watcher.phase = None, "watching"
        try:
            session.list_ends(listing.version, consistent=session.opened.checkpoint is None)
        except VersionsRanBackwards as error:
            await self._backwards(watcher, error)

    async def _watch(self, watcher: Watcher, b: int) -> None:
        session, cluster = watcher.session, self.cluster
        if not watcher.connected:
            try:
                session.probe(cluster.version)
            except VersionsRanBackwards as error:
                await self._backwards(watcher, error)
                return
            watcher.connected = True
            if watcher.lease:
                cluster.looked_at()
            if session.position >= cluster.compacted:
                self._saw_timeline(watcher)
        if session.position < cluster.compacted:
            await self._again(watcher, "410")
        elif b % 10 == 0:
            watcher.connected = False
        else:
            await self._read_one(watcher, b)

    async def _read_one(self, watcher: Watcher, b: int) -> None:
        session, cluster = watcher.session, self.cluster
        write = next((each for each in cluster.history if each.version > session.position), None)
        if write is None or write.key.namespace not in watcher.scope:
            session.bookmark(write.version if write else cluster.version)
            if b % 3 == 0:
                session.tell_checkpoint()
        elif write.body is None:
            session.deleted(write.observed)
        else:
            session.changed(write.observed)
        if session.outbox.pending >= 4 and len(watcher.flights) >= WINDOW:
            self.count("overload")
            await self._again(watcher, "overload")

    def _saw_timeline(self, watcher: Watcher) -> None:
        watcher.timeline = self.timelines[watcher.id] = self.cluster.timeline

    async def send(self, a: int, b: int) -> None:
        watcher = self.watchers[a % 2]
        if watcher.stream is None or len(watcher.flights) >= WINDOW:
            return
        batch, _ = collect([watcher.stream], events_max=2, bytes_max=10**6)
        if not batch.parts:
            if b % 3 == 0:
                watcher.session.tell_checkpoint()
            return
        whole = [Batch(batch.sources, [part]) for part in batch.parts] if b % 2 else [batch]
        for each in whole:
            flight = Flight(codec.encode(each), watcher.session, [part.number for part in each.parts])
            watcher.flights.append(flight)
            self.copies.append((watcher, flight))
            self.say(
                "watcher",
                watcher.number,
                "sends",
                flight.numbers,
                [(e.key, e.version) for p in each.parts for e in p.events],
            )

    async def resend(self, a: int, b: int) -> None:
        watcher = self.watchers[a % 2]
        if watcher.flights and len(self.copies) <= 12:
            self.copies.append((watcher, watcher.flights[b % len(watcher.flights)]))

    async def inventory(self, a: int, _: int) -> None:
        watcher = self.watchers[a % 2]
        if watcher.phase != "watching" or len(watcher.flights) >= WINDOW:
            return
        session, cluster = watcher.session, self.cluster
        if not session.complete:
            if not watcher.connected or session.position < cluster.compacted:
                return
            names = {
                key: (each.uid, each.version) for key, each in cluster.objects.items() if key.namespace in watcher.scope
            }
            session.base_listed(cluster.version, names)
        session.tell_inventory()

    async def fetch(self, a: int, b: int) -> None:
        """Read an asked-for object from the cluster, or hand what was read before to the session."""
        watcher = self.watchers[a % 2]
        if b % 2 and self.asked:
            wanted = self.asked.pop(a % len(self.asked))
            for each in self.watchers:
                if each.id == wanted[0] and each.phase == "watching" and each.timeline == self.cluster.timeline:
                    each.fetched.append(wanted)
                    self.reads[wanted] = self.cluster.objects.get(wanted[1])
        elif watcher.fetched and watcher.phase == "watching":
            wanted = watcher.fetched.pop(0)
            read = self.reads.get(wanted)
            if read is not None and wanted[0] == watcher.id:
                watcher.session.fetched(read.observed)

    async def notice(self, a: int, _: int) -> None:
        watcher = self.watchers[a % 2]
        if watcher.id in self.closed:
            self.say("watcher", watcher.number, "learns that its session is closed")
            watcher.reset()

    async def crash(self, a: int, _: int) -> None:
        watcher = self.watchers[a % 2]
        watcher.reset()
        watcher.known_epoch = watcher.ended_epoch = 0
        self.say("watcher", watcher.number, "crashes")

    async def lease(self, _a: int, _b: int) -> None:
        first, second = self.watchers
        first.lease, second.lease = second.lease, first.lease

    async def stop(self, _a: int, _b: int) -> None:
        for watcher in self.watchers:
            if not watcher.lease:
                watcher.reset()

    async def scope_change(self, a: int, _: int) -> None:
        self.scope = SCOPES[a % 3]
        self.say("scope", sorted(self.scope))

    async def duplicate_open(self, _a: int, _b: int) -> None:
        await self._open(Watcher(9))

    async def ask(self, a: int, _: int) -> None:
        self.asked.append((self.watchers[a % 2].id, KEYS[a % 4]))
