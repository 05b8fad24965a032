"""`python -m fairlead.simcluster`: one simulated cluster as a process of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from fairlead.simcluster.cluster import SimCluster
from fairlead.simcluster.identity import Identity, kept_identity
from fairlead.simcluster.shop import Shop


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fairlead.simcluster", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--kubeconfig", type=Path, help="file to write the admin's kubeconfig to")
    parser.add_argument(
        "--identity", type=Path, help="file that keeps which cluster this is over restarts (default: another each time)"
    )
    parser.add_argument("--shop", action="store_true", help="run a living shop of workloads")
    parser.add_argument("--churn-s", type=float, default=2.0, help="seconds between changes in the shop")
    parser.add_argument("--pod-start-s", type=float, default=1.0, help="seconds until a pod runs")
    parser.add_argument("--nodes", type=int, default=3, help="number of nodes")
    return parser.parse_args()


def _identity(file: Path | None) -> Identity | None:
    try:
        return kept_identity(file) if file else None
    except (OSError, TypeError, ValueError) as error:
        sys.exit(f"--identity {file}: {error}; remove the file, and the cluster becomes another one")


async def _main(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    cluster = SimCluster(
        host=arguments.host,
        port=arguments.port,
        pod_start_s=arguments.pod_start_s,
        nodes=arguments.nodes,
        identity=_identity(arguments.identity),
    )
    async with cluster, asyncio.TaskGroup() as group:
        if arguments.kubeconfig:
            arguments.kubeconfig.touch(mode=0o600)
            arguments.kubeconfig.write_text(cluster.kubeconfig())
        tasks = []
        if arguments.shop:
            shop = Shop(cluster)
            shop.open()
            tasks.append(group.create_task(shop.run(arguments.churn_s), name="shop"))
        sys.stdout.write(f"{cluster.server}\n")
        sys.stdout.flush()
        await stopped.wait()
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(_main(_arguments()))
