"""What lists wait for, in SQL: set by whoever writes, looked at before each list from the mirror."""

from __future__ import annotations

from typing import Any

from fairlead.gateway.adapters.postgres.pool import Connection
from fairlead.gateway.core.facade.barrier import Mark

# Kinds that are not mirrored need no mark: their lists are always live. One reflector or one for each namespace holds a kind.
_SET = """
    insert into write_marks (id, account, api_group, plural, namespace, name, wait, uid, epoch, version, until)
    select %(id)s, a.name, r.api_group, r.plural, %(namespace)s, %(name)s, %(wait)s, %(uid)s, max(r.epoch),
        %(version)s::numeric, now() + make_interval(secs => %(hold_s)s)
    from accounts a join resources r on r.account_id = a.id
    where a.name = %(account)s and (r.namespace = '' or %(namespace)s in ('', r.namespace)) and case
        when %(plural)s <> '' then (r.api_group, r.plural) = (%(group)s, %(plural)s)
        else %(kind)s in (r.kind, r.plural) and %(group)s in ('', r.api_group) end
    group by a.name, r.api_group, r.plural order by r.api_group limit 1
    on conflict (id) do update set namespace = excluded.namespace, name = excluded.name, wait = excluded.wait,
        uid = excluded.uid, epoch = excluded.epoch, version = excluded.version, marked_at = now(), until = excluded.until
"""
_CLEAR = "delete from write_marks where id = %(id)s"

# The rules of core/facade/barrier.py. A version counts within its epoch; a later epoch began with a list of its own.
# Takes %(unknown_s)s: when a deletion without a version is believed although the mirror never saw its object.
CAUGHT_UP = """
    m.wait <> 'end' and exists (
        select from accounts a join resources r on r.account_id = a.id
        where a.name = m.account and r.api_group = m.api_group and r.plural = m.plural
            and (r.namespace = '' or r.namespace = m.namespace) and case m.wait
        when 'version' then
            r.checkpoint is not null and (r.epoch, r.checkpoint) >= (m.epoch, m.version)
            or exists (select from objects o where o.resource_id = r.id and o.namespace = m.namespace and o.name = m.name
                and (o.epoch, o.version) >= (m.epoch, m.version))
            or exists (select from tombstones t where t.resource_id = r.id and t.namespace = m.namespace
                and t.name = m.name and (t.epoch, t.version) >= (m.epoch, m.version))
        when 'gone' then
            exists (select from tombstones t where t.resource_id = r.id and t.namespace = m.namespace and t.name = m.name
                and (t.uid = m.uid or (t.epoch, t.version) >= (m.epoch, m.version)))
            or exists (select from objects o where o.resource_id = r.id and o.namespace = m.namespace and o.name = m.name
                and (o.epoch, o.version) > (m.epoch, m.version))
            or (r.checkpoint is not null and (r.epoch, r.checkpoint) >= (m.epoch, m.version)
                or m.version is null and m.marked_at < now() - make_interval(secs => %(unknown_s)s))
                and not exists (select from objects o where o.resource_id = r.id and o.namespace = m.namespace
                    and o.name = m.name and o.uid = m.uid)
        else false end
    )
"""


async def set_mark(connection: Connection, mark: Mark) -> None:
    """Make lists wait for a write, if its kind is mirrored."""
    values: dict[str, Any] = {
        "id": mark.id,
        "account": mark.account,
        "group": mark.group,
        "plural": mark.plural,
        "kind": mark.kind,
        "namespace": mark.namespace,
        "name": mark.name,
        "wait": mark.wait.value,
        "uid": mark.uid,
        "version": None if mark.version is None else str(mark.version),
        "hold_s": mark.hold_s,
    }
    await connection.execute(_SET, values)


async def clear_mark(connection: Connection, id_: str) -> None:
    """Let no list wait for a write any more."""
    await connection.execute(_CLEAR, {"id": id_})
