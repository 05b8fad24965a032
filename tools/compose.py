"""Bring the compose stack up, explain what keeps it from coming up, and take it down with all it left: `make up`, `make down`.

It takes the words of `docker compose` up to its verb (which files are stacked), then `up` with further words, or `down`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CREDENTIALS = ROOT / ".local" / "compose"
FILES = ("ca.crt", "api.token")
WAIT_S = 180
_LOG_LINES = "4"
_PUBLISHED = re.compile(r"\$\{BIND_ADDRESS\}:\$\{(?P<variable>\w+)\}:(?P<target>\d+)")
_BUSY = re.compile(r"already in use|already allocated|cannot assign requested address|permission denied", re.IGNORECASE)


@dataclass(frozen=True)
class Port:
    """A port on this machine, and the variable that sets it."""

    variable: str
    address: str
    number: int


@dataclass(frozen=True)
class Compose:
    """The stack, as its files describe it."""

    words: tuple[str, ...]
    """`docker compose --file …`."""

    def command(self, *verb: str) -> list[str]:
        """A command for it."""
        return [*self.words, *verb]

    def ask(self, *verb: str) -> str:
        """What a command prints; raises CalledProcessError."""
        done = subprocess.run(self.command(*verb), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def configuration(self) -> dict[str, Any]:
        """The stack with all variables filled in."""
        return dict(json.loads(self.ask("config", "--format", "json")))

    def containers(self) -> list[dict[str, Any]]:
        """Every container, running or not; one JSON document a line."""
        return [json.loads(line) for line in self.ask("ps", "--all", "--format", "json").splitlines()]

    def texts(self) -> Iterator[str]:
        """The files themselves."""
        named = (file for word, file in zip(self.words, self.words[1:], strict=False) if word == "--file")
        return ((ROOT / file).read_text(encoding="utf-8") for file in named)


def up(compose: Compose, words: list[str]) -> int:
    """Start everything, wait until it is healthy, and say where it is; returns the exit code."""
    command = compose.command("up", "--detach", "--wait", "--wait-timeout", str(WAIT_S), *words)
    code, said = shown(command)
    if code != 0:
        sys.stderr.write(
            "\n" + "\n".join(["The stack is not up.", *busy_ports(said, ports(compose)), *ended(compose)]) + "\n"
        )
        return code
    welcome(compose)
    return 0


def down(compose: Compose) -> int:
    """Remove containers, networks and volumes, and the credentials that `up` copied out; the images stay."""
    directory = credentials(compose)
    subprocess.run(compose.command("down", "--volumes", "--remove-orphans"), cwd=ROOT, check=True)
    shutil.rmtree(directory, ignore_errors=True)
    return 0


def shown(command: list[str]) -> tuple[int, str]:
    """Run a command and pass on what it says as it comes; its exit code and what it said."""
    said = []
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            sys.stderr.write(line)
            said.append(line)
    return process.returncode, "".join(said)


def ports(compose: Compose) -> list[Port]:
    """The ports that the stack wants on this machine."""
    variables = {match["target"]: match["variable"] for text in compose.texts() for match in _PUBLISHED.finditer(text)}
    wanted = [port for service in compose.configuration()["services"].values() for port in service.get("ports", [])]
    return [
        Port(variables[str(port["target"])], port.get("host_ip", "0.0.0.0"), int(port["published"]))  # noqa: S104 - compose's default
        for port in wanted
        if str(port["target"]) in variables
    ]


def busy_ports(said: str, wanted: list[Port]) -> list[str]:
    """What to set when the engine could not have a port."""
    refusals = [line for line in said.splitlines() if _BUSY.search(line)]
    return [
        f"{port.address}:{port.number} cannot be had on this machine: set {port.variable} to another port"
        f" ({port.variable}={port.number + 10000} make up), or BIND_ADDRESS to another address"
        for port in wanted
        if any(re.search(rf":{port.number}\b", line) for line in refusals)
    ]


def ended(compose: Compose) -> Iterator[str]:
    """The last words of each container that has failed."""
    for container in compose.containers():
        failed = container["ExitCode"] != 0 or container["State"] == "restarting" or container["Health"] == "unhealthy"
        if failed and container["State"] != "created":
            service = container["Service"]
            yield f"{service}: {container['Status']}; its log ends:"
            yield from compose.ask("logs", "--no-log-prefix", "--tail", _LOG_LINES, service).splitlines()


def credentials(compose: Compose) -> Path:
    """Where this stack's credentials lie on this machine."""
    return CREDENTIALS / str(compose.configuration()["name"])


def welcome(compose: Compose) -> None:
    """Copy what a caller needs out of the stack and print how to use it."""
    directory = credentials(compose)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in FILES:
        compose.ask("--progress", "quiet", "cp", f"prepare:/run/fairlead/{name}", str(directory / name))
    published = {port.variable: reached(port) for port in ports(compose)}
    shown_at = directory.relative_to(ROOT)
    sys.stdout.write(f"""
The gateway answers at https://{published["HTTPS_PORT"]} (its pages: /docs).

  export FAIRLEAD_GATEWAY=https://{published["HTTPS_PORT"]} FAIRLEAD_CA_FILE={shown_at}/ca.crt FAIRLEAD_TOKEN_FILE={shown_at}/api.token
  .venv/bin/fairlead accounts list
  .venv/bin/fairlead resources shop
  .venv/bin/fairlead kubeconfig shop --output {shown_at}/shop.kubeconfig
  kubectl --kubeconfig {shown_at}/shop.kubeconfig get pods --all-namespaces
""")
    if "CLUSTER_PORT" in published:
        hand_over_cluster(compose, directory / "cluster.kubeconfig", published["CLUSTER_PORT"])
        sys.stdout.write(f"\nThe simulated cluster itself: kubectl --kubeconfig {shown_at}/cluster.kubeconfig …\n")
    for name, variable in (("Grafana", "GRAFANA_PORT"), ("Jaeger", "JAEGER_PORT"), ("Prometheus", "PROMETHEUS_PORT")):
        if variable in published:
            sys.stdout.write(f"{name}: http://{published[variable]}\n")
    sys.stdout.write("\n`make down` ends everything and leaves nothing behind but the images.\n")


def reached(port: Port) -> str:
    """The address under which this machine reaches a port; certificates know loopback."""
    every = port.address in {"0.0.0.0", "::"}  # noqa: S104 - nothing is bound here
    return f"{'127.0.0.1' if every else port.address}:{port.number}"


def hand_over_cluster(compose: Compose, file: Path, address: str) -> None:
    """Copy the simulated cluster's kubeconfig, for its port on this machine."""
    compose.ask("--progress", "quiet", "cp", "cluster:/run/cluster/kubeconfig", str(file))
    file.write_text(
        file.read_text(encoding="utf-8").replace("https://cluster:6443", f"https://{address}"), encoding="utf-8"
    )


def main(arguments: list[str]) -> int:
    """Do what the verb says; returns the exit code."""
    at = next((number for number, word in enumerate(arguments) if word in {"up", "down"}), None)
    if at is None:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    compose = Compose(tuple(arguments[:at]))
    return up(compose, arguments[at + 1 :]) if arguments[at] == "up" else down(compose)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except FileNotFoundError as error:
        sys.exit(f"the stack needs {error.filename}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(error.cmd)} failed with {error.returncode}; what it said stands above")
