"""The SQL of operations."""

from __future__ import annotations

KNOWS = "select name from accounts where name = %(account)s"

INSERT = """
insert into operations (
    id, account, kind, state, caller, subject, fenced, traceparent, fingerprint_key, fingerprint, request_key, request,
    deadline_at
) values (
    %(id)s, %(account)s, %(kind)s, 'pending', %(caller)s, %(subject)s, %(fenced)s, %(traceparent)s, %(fingerprint_key)s,
    %(fingerprint)s, %(request_key)s, %(request)s, now() + make_interval(secs => %(deadline_s)s)
) on conflict (id) do nothing
"""

FINGERPRINT = "select account, fingerprint_key, fingerprint from operations where id = %(id)s"

_READ = """
select o.id, o.account, o.kind, o.state, o.caller, o.subject, o.fenced, o.traceparent, o.created_at, o.deadline_at,
    o.attempt, o.uncertain, o.cancelled, o.agent, o.sent_at, o.claimed_at, o.finished_at, o.outcome, o.message_key, o.message,
    coalesce(r.size_bytes, 0) as result_bytes
from operations o left join operation_results r on r.id = o.id and r.expires_at > now()
"""

READ = _READ + "where o.id = %(id)s"

FIND = (
    _READ
    + """
where o.account like any(%(patterns)s)
    and (%(account)s::text is null or o.account = %(account)s)
    and (%(states)s::text[] is null or o.state = any(%(states)s))
    and (%(kind)s::text is null or o.kind = %(kind)s)
    and (%(namespace)s::text is null or o.subject->>'namespace' = %(namespace)s)
    and (%(name)s::text is null or o.subject->>'name' = %(name)s)
    and (%(before)s::text is null or o.id < %(before)s)
order by o.id desc limit %(limit)s
"""
)

OVERDUE = (
    _READ
    + """
where o.state = 'pending' and not o.uncertain and o.cancelled
    or o.state in ('pending', 'sent', 'claimed') and o.deadline_at <= now()
    and (o.state = 'pending' and not o.uncertain or o.deadline_at + make_interval(secs => %(late_s)s) <= now())
order by o.deadline_at limit 100
"""
)

DUE_ACCOUNTS = """
select distinct account from operations
where state in ('pending', 'sent', 'claimed') and next_at <= now() and deadline_at > now()
"""

# What certainly never ran is not bound to an incarnation: after a refusal it begins anew under the present one. What was
# sent so long ago that its claim may have run out is bound to none, for then the lack of a claim proves nothing.
TAKE = """
with due as (
    select id from operations
    where account = %(account)s and state in ('pending', 'sent', 'claimed') and next_at <= now() and deadline_at > now()
        and not (cancelled and state = 'pending' and not uncertain)
    order by next_at limit %(limit)s
    for update skip locked
)
update operations o set
    state = case when o.state = 'claimed' then 'claimed' else 'sent' end,
    first_incarnation = case
        when o.state = 'pending' and not o.uncertain then %(incarnation)s
        when o.sent_at < now() - make_interval(secs => %(remembered_s)s) then ''
        else o.first_incarnation end,
    uncertain = o.uncertain or o.state <> 'pending',
    attempt = o.attempt + 1,
    link = %(link)s,
    agent = %(agent)s,
    sent_at = case when o.state = 'pending' and not o.uncertain then now() else o.sent_at end,
    next_at = now() + make_interval(
        secs => case when o.state = 'claimed' then %(claimed_s)s else %(unclaimed_s)s end::double precision)
from due where o.id = due.id
returning o.id, o.account, o.attempt, o.first_incarnation, o.deadline_at, o.request_key, o.request, o.traceparent,
    o.cancelled
"""

CLAIMED = """
update operations set
    state = 'claimed', claimed_at = coalesce(claimed_at, now()), next_at = now() + make_interval(secs => %(claimed_s)s)
where id = %(id)s and account = %(account)s and state in ('pending', 'sent', 'claimed')
"""

DECLINED = """
update operations set state = 'pending', next_at = now() + make_interval(secs => %(pause_s)s)
where id = %(id)s and account = %(account)s and attempt = %(attempt)s and state = 'sent'
"""

CANCEL = "update operations set cancelled = true where id = %(id)s and state in ('pending', 'sent', 'claimed')"

LOCK_UNSENT = "select id from operations where id = %(id)s and state = 'pending' and not uncertain for update"

FINISH = """
update operations set
    state = %(state)s, outcome = %(outcome)s, message_key = %(message_key)s, message = %(message)s,
    finished_at = now(), request = null, request_key = null
where id = %(id)s and account = %(account)s
    and (state in ('pending', 'sent', 'claimed') or state = 'unknown' and %(state)s in ('succeeded', 'failed'))
"""

PUT_RESULT = """
insert into operation_results (id, body_key, body, size_bytes, expires_at)
values (%(id)s, %(body_key)s, %(body)s, %(size_bytes)s, now() + make_interval(secs => %(result_s)s))
on conflict (id) do nothing
"""

RESULT = "select body_key, body from operation_results where id = %(id)s and expires_at > now()"

ASK_AGAIN = """
update operations set next_at = now()
where account = any(%(accounts)s) and state in ('sent', 'claimed') and link <> %(link)s
"""

LINK_LOST = "update operations set next_at = now() where link = %(link)s and state in ('sent', 'claimed')"

ERASE_RESULTS = "delete from operation_results where expires_at <= now()"

ERASE_HISTORY = "delete from operations where finished_at < now() - make_interval(secs => %(history_s)s)"
