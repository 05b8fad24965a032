"""A stack whose networks and parts can fail, and be mended again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.e2e.conftest import ACCOUNT, FACADE_KINDS, Facade, adopt
from tests.support.audit_tail import AuditTail
from tests.support.exposition import total
from tests.support.kubectl import Kubectl
from tests.support.kubernetes_api import KubernetesApi
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.live_accounts import is_live
from tests.support.polling import wait_until
from tests.support.tcp_proxy import TcpProxy

from fairlead.cli.stack import Stack

HEALED_WITHIN_S = 45.0


@dataclass
class Sea:
    """A stack in four processes, its link and its API server reached through networks that can fail."""

    stack: Stack
    plane: ControlPlane
    link: TcpProxy
    way_to_api: TcpProxy
    api: KubernetesApi
    namespace: str
    calm: str
    """A namespace into which nobody writes: lists of places whose writes had an unknown end are live for a while."""
    binary: Path

    def kubectl(self) -> Kubectl:
        """The kubectl of Clouddriver's next image, through the gateway."""
        return Facade(self.stack, self.plane).kubectl(binary=self.binary)

    def audit(self) -> AuditTail:
        """The audit log from now on."""
        return AuditTail(self.plane.audit_log)

    def answers(self) -> bool:
        """Whether a live read goes through again."""
        return self.kubectl().run(f"--namespace={self.namespace}", "get", "secrets", timeout_s=30).code == 0

    def refused(self) -> float:
        """How many requests the gateway has answered with 503."""
        return total(self.stack.instances["gateway"].metrics_url, "fairlead_facade_requests_total", code="503")

    def heal(self) -> None:
        """Start and connect everything again, and wait until the mirror is live."""
        self.way_to_api.answer_delay_s = 0.0
        for proxy in (self.link, self.way_to_api):
            proxy.thaw()
            proxy.mend()
        gone = [name for name in self.stack.parts if not self.stack.running(name)]
        self.stack.start(*gone)
        adopt(self.stack)
        with self.stack.gateway() as gateway:
            wait_until(
                lambda: is_live(gateway, ACCOUNT, kinds=len(FACADE_KINDS)),
                within_s=HEALED_WITHIN_S,
                what="a live mirror",
            )
        wait_until(self.answers, within_s=HEALED_WITHIN_S, what="live answers")
