"""Say where the compose stack is and how to talk to it; ``make up`` runs it last."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CREDENTIALS = ROOT / ".local" / "compose"
FILES = ("ca.crt", "api.token")
_COMPOSE = ("docker", "compose", "--progress", "quiet", "--file", "infra/compose/compose.yaml")


def main() -> int:
    """Copy what a caller needs out of the stack and print how to use it; returns the exit code."""
    CREDENTIALS.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in FILES:
        run("cp", f"prepare:/run/fairlead/{name}", str(CREDENTIALS / name))
    address = run("port", "gateway", "8443")
    shown = CREDENTIALS.relative_to(ROOT)
    sys.stdout.write(f"""
The gateway answers at https://{address} (its pages: /docs).

  export FAIRLEAD_GATEWAY=https://{address} FAIRLEAD_CA_FILE={shown}/ca.crt FAIRLEAD_TOKEN_FILE={shown}/api.token
  .venv/bin/fairlead accounts list
  .venv/bin/fairlead resources shop
  .venv/bin/fairlead kubeconfig shop --output {shown}/shop.kubeconfig
  kubectl --kubeconfig {shown}/shop.kubeconfig get pods --all-namespaces

`make down` ends everything and leaves nothing behind.
""")
    return 0


def run(*words: str) -> str:
    """Run a compose command in the root of the repository and return what it prints."""
    result = subprocess.run([*_COMPOSE, *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return result.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
