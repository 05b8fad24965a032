"""The whole observation path as a world of single steps, any of which may come next.

The watcher's `Session` and `collect`, the codec, and the gateway's store are the product's own; the cluster, the bus and
the order of things are played here. docs/observation.md tells the rules that `World` checks as invariants:

- I1: when calm and after one inventory round, mirror = cluster.
- I2: no object is removed from the mirror while it exists.
- I3: versions of a row never go back within a history, and nothing deleted is resurrected.
- I4: a stored checkpoint c means that every change up to c is in the rows.
- I5: what waits is bounded.
"""

from __future__ import annotations

from tests.protocol.cluster import KEYS
from tests.protocol.invariants import Invariants
from tests.protocol.mirrors import ACCOUNT, FAR_FUTURE
from tests.protocol.state import LogEntry, Violation, Watcher
from tests.protocol.watching import Watching

from fairlead.contracts import codec


class World(Watching, Invariants):
    """Cluster, watchers, bus and gateway; every public coroutine is an action with two random numbers."""

    # ---- cluster

    async def write(self, a: int, b: int) -> None:
        self.cluster.write(KEYS[a % 4], b)
        self.say("cluster", KEYS[a % 4], "at", self.cluster.version)

    async def compact(self, a: int, _: int) -> None:
        self.cluster.compact(a % 4)

    async def cluster_backup(self, _a: int, _b: int) -> None:
        self.cluster.back_up()

    async def cluster_restore(self, _: int, b: int) -> None:
        if self.cluster.restore(bumped=bool(b % 2)):
            self.say("etcd restored", "bumped" if b % 2 else "naively", "to", self.cluster.version)
            for watcher in self.watchers:
                watcher.connected = False
                if watcher.listing:
                    watcher.listing.dead = True

    # ---- bus

    async def scrub(self, a: int, b: int) -> None:
        if not self.copies:
            return
        watcher, flight = self.copies.pop(a % len(self.copies))
        if b % 8 == 0:
            self.say("the scrubber loses", flight.numbers)
            return
        self.log.append(LogEntry(codec.encode(self.decoder.decode(flight.data))))
        if b % 8 != 1 and flight in watcher.flights:
            watcher.flights.remove(flight)
            for number in flight.numbers:
                flight.session.outbox.delivered(number)

    async def deliver(self, _: int, b: int) -> None:
        if len(self.pipe) > 6:
            return
        due = [entry for entry in self.log if entry.state == "due"]
        waiting = [entry for entry in self.log if entry.state == "waiting"]
        chosen = due[0] if due and (b % 2 or not waiting) else waiting[0] if waiting else None
        if chosen is not None:
            chosen.state = "out"
            self.pipe.append(chosen)

    async def ack_wait(self, a: int, _: int) -> None:
        out = [entry for entry in self.log if entry.state == "out"]
        if out:
            out[a % len(out)].state = "due"

    async def bridge(self, a: int, _: int) -> None:
        if a % 2:
            self.old_pipe += self.pipe
        self.pipe = []

    async def log_loss(self, a: int, b: int) -> None:
        self.say("log loss")
        if a % 2:
            self.log, self.pipe = [], []
        else:
            self.log = self.log[: len(self.log) - b % (len(self.log) + 1)]

    # ---- gateway

    async def commit(self, a: int, b: int) -> None:
        pipe = self.old_pipe if self.old_pipe and a % 3 == 0 else self.pipe
        if not pipe:
            return
        taken = [pipe.pop(0) for _ in range(min(len(pipe), 1 + b % 2))]
        batches = [self.decoder.decode(entry.data) for entry in taken]
        before = await self.mirror.rows()
        done = await self.mirror.store.commit(batches)
        self.say(
            "commit",
            [(p.number, batch.sources[p.source].session[:6]) for batch in batches for p in batch.parts],
            "closed",
            done.closed,
        )
        self.closed |= set(done.closed)
        for session, repair in done.repairs.items():
            self.asked += [(session, key) for key in repair.names]
            self.count("repair")
        sessions = {batch.sources[part.source].session for batch in batches for part in batch.parts} - set(done.closed)
        timeline = max((self.timelines[each] for each in sessions), default=self.cluster.timeline)
        scope = frozenset().union(*(self.scopes[each] for each in sessions))
        await self.check_rows(before, await self.mirror.rows(), timeline, scope)
        await self.check_checkpoint(sessions)
        for entry in taken:
            if b % 6 and entry in self.log:
                self.log.remove(entry)

    async def gap(self, _a: int, _b: int) -> None:
        closed = await self.mirror.store.close_gaps([ACCOUNT], older_than_s=0.0)
        if closed:
            self.count("gap")
            self.closed |= set(closed)

    async def garbage(self, _a: int, _b: int) -> None:
        await self.mirror.store.collect_garbage(FAR_FUTURE)

    async def db_backup(self, _a: int, _b: int) -> None:
        await self.mirror.back_up()

    async def db_restore(self, _: int, b: int) -> None:
        self.say("database", "lost" if b % 3 == 0 else "restored")
        if b % 3 == 0:
            await self.mirror.lose()
        elif not await self.mirror.restore():
            return
        self.checkpoint = await self.mirror.checkpoint()
        # Readers may see the past of a backup; from then on things go forward again.
        self.shown = {}

    # ---- calm

    async def calm(self, seed: int) -> None:
        """Stop disturbing, and check that everything heals: at once, after a restart, and after an unforeseen hole."""
        watcher = next(each for each in self.watchers if each.lease)
        for each in self.watchers:
            if each is not watcher or each.scope != self.scope:
                each.reset()
        for _ in range(2):
            await self._settle(watcher)
            await self.inventory(watcher.number, 0)
            await self._settle(watcher)
        await self._check_equal("calm")
        await self.garbage(0, 0)
        await self.crash(watcher.number, 0)
        await self.write(seed, seed // 5)
        await self.write(seed // 7, seed // 3)
        await self._settle(watcher)
        await self._check_equal("after a restart")
        rows = sorted(await self.mirror.rows())
        if rows:
            torn = rows[seed % len(rows)]
            await self.mirror.tear(torn)
            self.shown.pop(torn, None)
        if seed % 3 == 0:
            await self.crash(watcher.number, 0)
        await self._settle(watcher)
        await self.inventory(watcher.number, 0)
        await self._settle(watcher)
        await self._check_equal("after a hole and one inventory")

    async def _settle(self, watcher: Watcher) -> None:
        for _ in range(300):
            if not await self._settle_once(watcher):
                return
        raise Violation(f"I1: does not come to rest: {watcher}")

    async def _settle_once(self, watcher: Watcher) -> bool:
        """Let everything that is due happen once; False when nothing was."""
        busy = await self._settle_watcher(watcher)
        busy |= await self._settle_bus()
        if self.asked:
            await self.fetch(0, 1)
            busy = True
        if watcher.fetched:
            await self.fetch(watcher.number, 0)
            busy = True
        if not busy:
            gaps = self.events.get("gap", 0)
            await self.gap(0, 0)
            busy = self.events.get("gap", 0) != gaps
        return busy

    async def _settle_watcher(self, watcher: Watcher) -> bool:
        busy = False
        if watcher.id in self.closed:
            await self.notice(watcher.number, 0)
            busy = True
        if watcher.phase != "watching" or not watcher.connected:
            await self.step(watcher.number, 8 if watcher.phase != "listing" else 15)
            busy = True
        elif watcher.session.position < self.cluster.version:
            await self.step(watcher.number, 3)
            busy = True
        if watcher.stream is not None and watcher.session.outbox.has_work:
            await self.send(watcher.number, 1)
            busy = True
        return busy

    async def _settle_bus(self) -> bool:
        busy = False
        while self.copies:
            await self.scrub(0, 5)
            busy = True
        for watcher in self.watchers:
            if watcher.flights:
                await self.resend(watcher.number, 0)
                busy = True
        while self.old_pipe:
            await self.commit(3, 1)
        if not self.pipe and any(entry.state == "out" for entry in self.log):
            await self.ack_wait(0, 0)
        if any(entry.state != "out" for entry in self.log):
            await self.deliver(0, 1)
            busy = True
        if self.pipe:
            await self.commit(1, 1)
            busy = True
        return busy

    async def _check_equal(self, when: str) -> None:
        wanted = {
            key: (each.uid, each.version, each.body)
            for key, each in self.cluster.objects.items()
            if key.namespace in self.scope
        }
        found = {key: (row.uid, row.version, row.body) for key, row in (await self.mirror.rows()).items()}
        if wanted != found:
            raise Violation(f"I1: {when}: cluster {wanted}, mirror {found}")
