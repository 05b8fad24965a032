"""``python -m fairlead.runtime.probe [URL]``: a health check for places without a shell or curl.

Ends with 0 when the URL answers 200 within two seconds, else with 1 and what was answered. Without a URL it asks the
service of the same container whether it is ready.
"""

from __future__ import annotations

import sys
from urllib.error import HTTPError
from urllib.request import urlopen

READY = "http://127.0.0.1:8082/readyz"
TIMEOUT_S = 2.0
_TOLD_BYTES = 2000


def main(arguments: list[str]) -> int:
    """Ask once; returns the exit code."""
    url = arguments[0] if arguments else READY
    try:
        with urlopen(url, timeout=TIMEOUT_S):  # noqa: S310 - the caller names the URL
            return 0
    except HTTPError as error:
        told = error.read(_TOLD_BYTES).decode("utf-8", "replace")
        sys.stderr.write(f"{url}: {error.code} {told}\n")
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{url}: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
