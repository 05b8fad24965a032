"""A reader that asks the mirror all the while, and holds what it is told to what is known for certain."""

from __future__ import annotations

import threading
from typing import Self

from tests.support.random_writes import KINDS, Ledger, Subject

from fairlead.cli.gateway import Gateway, GatewayRefusal, GatewayUnreachable

_JOIN_S = 30.0


class MirrorReader:
    """Polls the rows of a namespace, in a thread.

    It notes in ``violations`` an object that is missing although it was seen before, existed before and after the
    question, and was not being deleted; an object that is back although it was gone; and a version that ran backwards.
    """

    def __init__(self, gateway: Gateway, account: str, namespace: str, ledger: Ledger, *, pause_s: float) -> None:
        self.violations: list[str] = []
        self.polls = 0
        self.refused = 0
        self._gateway = gateway
        self._account = account
        self._namespace = namespace
        self._ledger = ledger
        self._pause_s = pause_s
        self._seen: dict[Subject, int] = {}
        self._buried: set[Subject] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror-reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._stopped.wait(self._pause_s):
            for kind in KINDS:
                try:
                    self._poll(kind)
                    self.polls += 1
                except (GatewayUnreachable, GatewayRefusal):
                    self.refused += 1  # no answer is no lie

    def _poll(self, kind: str) -> None:
        before, gone = self._ledger.known()
        rows = self._gateway.objects(self._account, kind=kind, namespace=self._namespace, bodies="false")
        told = {Subject(kind, row["name"], row["uid"]): int(row["resourceVersion"]) for row in rows}
        after, _ = self._ledger.known()
        surely = {subject for subject in before & after if subject.kind == kind}
        self.violations += [
            f"poll {self.polls}: {subject} is missing" for subject in (surely & self._seen.keys()) - told.keys()
        ]
        for subject, version in told.items():
            if subject in self._buried:
                self.violations.append(f"poll {self.polls}: {subject} is back from the dead")
            if version < self._seen.get(subject, 0):
                self.violations.append(f"poll {self.polls}: {subject} went from {self._seen[subject]} to {version}")
            self._seen[subject] = max(version, self._seen.get(subject, 0))
        # What a mirror that lags behind has not shown yet may still come and go.
        self._buried |= {
            subject for subject in gone & self._seen.keys() if subject.kind == kind and subject not in told
        }
