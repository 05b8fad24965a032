"""The whole of Fairlead on this machine: nats-server, PostgreSQL and every service as processes on loopback.

The demo, the end-to-end tests and the benchmarks stand on it. Plain synchronous code, as in `fairlead.cli.parts`.
"""

from fairlead.cli.stack.configuration import AccountPlan
from fairlead.cli.stack.simulation import SimulatedCluster
from fairlead.cli.stack.stack import Stack

__all__ = ["AccountPlan", "SimulatedCluster", "Stack"]
