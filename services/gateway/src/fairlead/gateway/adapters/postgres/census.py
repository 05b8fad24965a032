"""Counting in PostgreSQL what all gateways share."""

from __future__ import annotations

from collections import defaultdict

from fairlead.gateway.adapters.postgres.pool import Database, fetch
from fairlead.gateway.core.operations import FINAL, State
from fairlead.gateway.core.states import ResourceState, effective
from fairlead.gateway.ports.census import Counted

_RESOURCES = """
    select a.name, r.plural, r.api_group, r.state, r.lost_since is not null, count(*),
        extract(epoch from now() - min(r.checkpoint_at))::double precision
    from accounts a join resources r on r.account_id = a.id group by 1, 2, 3, 4, 5
"""
_OPERATIONS = "select state, count(*) from operations where state = any(%s) group by state"
_OPEN = [state.value for state in State if state not in FINAL]


class PostgresCensus:
    """`CensusStore` in PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self) -> Counted:
        """Count once."""
        async with self._database.transaction() as connection:
            resources = await fetch(connection, _RESOURCES)
            operations = await fetch(connection, _OPERATIONS, [_OPEN])
        lags: dict[tuple[str, str], float] = {}
        states: dict[tuple[str, str], float] = defaultdict(float)
        for account, plural, group, state, lost, number, age_s in resources:
            states[account, effective(ResourceState(state), lost=lost).value] += number
            # What the cluster does not serve any more has nothing to lag behind.
            if age_s is not None and state != ResourceState.GONE:
                name = f"{plural}.{group}" if group else plural
                lags[account, name] = max(age_s, lags.get((account, name), 0.0))
        waiting: dict[tuple[str], float] = {(state,): 0.0 for state in _OPEN}
        return Counted(lags, states, waiting | {(state,): float(number) for state, number in operations})
