"""Entry point of the gateway; `python -m fairlead.gateway migrate` prepares the database and ends."""

from __future__ import annotations

import asyncio
import sys

from fairlead.gateway.adapters.postgres.migrations import ADVICE, prepare_schema
from fairlead.gateway.service import build, dsn_of
from fairlead.gateway.settings import Settings
from fairlead.runtime import logfields, logs, program
from fairlead.runtime.errors import EXIT_CONFIGURATION, EXIT_FAILURE, ConfigurationError, TransientError, chain
from fairlead.runtime.settings import load

MIGRATE_WAIT_S = 30.0


def main() -> None:
    """Run the gateway until it is told to stop."""
    if sys.argv[1:] == ["migrate"]:
        migrate()
        return
    program.main("gateway", Settings, lambda settings: [build(settings)])


def migrate() -> None:
    """Bring the database's schema up to date, and exit with an honest code."""
    logs.configure("gateway")
    log = logs.get_logger()
    try:
        dsn = dsn_of(load(Settings, "gateway").gateway.database)
        if not dsn:
            raise ConfigurationError("gateway.database: set dsn or dsnFile")
        applied = asyncio.run(prepare_schema(dsn, wait_s=MIGRATE_WAIT_S))
    except ConfigurationError as error:
        for problem in error.problems:
            log.error("configuration", **{logfields.REASON: problem})
        sys.exit(EXIT_CONFIGURATION)
    except TransientError as error:
        log.error("the database cannot be migrated", **{logfields.REASON: ADVICE, logfields.ERROR: chain(error)})
        sys.exit(EXIT_FAILURE)
    log.info("the schema is up to date", **{logfields.COUNT: len(applied)})


if __name__ == "__main__":
    main()
