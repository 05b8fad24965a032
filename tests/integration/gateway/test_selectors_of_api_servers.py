"""Whatever a selector is, the rows are selected as a real API server selects its objects, or it is left to that."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.kubernetes_control_plane import ControlPlane
from tests.support.mirror_data import ACCOUNT, CLAIM, batch, part, request, source

from fairlead.contracts.envelope import Change, Event
from fairlead.contracts.identity import ObjectKey, Resource
from fairlead.gateway.adapters.postgres.accounts import PostgresAccounts
from fairlead.gateway.adapters.postgres.listing import PostgresListing
from fairlead.gateway.adapters.postgres.migrations import prepare_schema
from fairlead.gateway.adapters.postgres.mirror import PostgresMirror
from fairlead.gateway.adapters.postgres.pool import Database
from fairlead.gateway.core.facade.selection import Selection, UnsupportedField, parse_selection
from fairlead.gateway.core.selectors import InvalidSelector
from fairlead.gateway.ports.listing import Extent, Room

pytestmark = pytest.mark.real
PODS = Resource("", "v1", "pods", "Pod", namespaced=True)
LABELS: dict[str, dict[str, str]] = {
    "none": {},
    "empty": {"app": "", "example.com/tier": "web"},
    "small": {"app": "web", "number": "5", "in": "in"},
    "zeros": {"app": "Web", "number": "0000000000000000000000000007", "notin": "a"},
    "text": {"app": "db-1", "number": "5x"},
    "nanoseconds": {"app": "db.1", "number": "1763700000000000001"},
    "greatest": {"app": "db_1", "number": "9223372036854775807"},
    "beyond": {"app": "web", "number": "9223372036854775808"},
}
LABEL_SELECTORS = [
    "", " ", "app", "!app", "! app", "app=", "app==", "app!=", "app=web", " app = web ", "app==web", "app!=web", "app = Web",
    "app in (web)", "app in (web,db-1)", "app in (web, )", "app in ()", "app in (,web)", "app in(web)", "app notin (web)",
    "app notin (web,,db.1)", "app notin ()", "in", "in in (in)", "in=in", "notin", "!notin", "notin in (a)", "in notin (in)",
    "number>5", "number > 5", "number<6", "number>4,number<8", "number>007", "number>1763700000000000000",
    "number<9223372036854775807", "number>9223372036854775806", "number>9223372036854775807", "number>-1", "number>+1",
    "number>9223372036854775808", "number>5x", "number>", "number<8,app", "example.com/tier", "example.com/tier=web",
    "example.com/tier in (web),app", "app,app=web", "app,!number", "app=web,app=db", ",app", "app,", "app,,number", "=web",
    "app=web=x", "app in web", "app in (web", "app web", "app>=5", "!app=web", "!app in (web)", "!!app", "app=!web", "a/b/c",
    "/app", "app/", "-app", "app-", "App", "example.com/", "EXAMPLE.com/x", "x..y/z", "app=-web", "app=web-", "app=wéb", "app=a b",
    "app\tin\n(web)", "app in (web)number=5", "app in (web),(number)", "app in ((web))", "()", "app=(web)", "app=w\u00a0b",
    "number=5,number!=6", "app in (web,web)", "app=" + "a" * 63, "app=" + "a" * 64, "a" * 64,
]  # fmt: skip
FIELD_SELECTORS = [
    "metadata.name=small", "metadata.name==small", "metadata.name!=small", "metadata.name=", "metadata.name!=",
    "metadata.name=nobody", "metadata.name=small,metadata.name=text", "metadata.name!=small,metadata.name!=text",
    "metadata.namespace=default", "metadata.namespace!=default", "spec.nodeName=node-5", "spec.nodeName!=node-5", "spec.nodeName=",
    "spec.nodeName!=", "status.phase=Pending", "status.phase!=Pending", "status.phase=", "status.podIP=", "status.podIP!=",
    "spec.restartPolicy=Always", "spec.schedulerName=default-scheduler", "spec.serviceAccountName=", "spec.serviceAccountName!=",
    "spec.hostNetwork=false", "status.nominatedNodeName=", "spec.unknown=x", "metadata.labels=x", "metadata.uid=x", "metadata.name",
    "=small", "metadata.name=small,", ",metadata.name=small", "metadata.name=a,,metadata.name=b", " metadata.name=small",
    "metadata.name =small", "metadata.name= small", "metadata.name=sm\\all", "metadata.name=small\\", "metadata.name=a\\,b",
    "metadata.name=a=b", "metadata.name!small", "metadata.name>a", "!metadata.name=small", "Metadata.name=small",
]  # fmt: skip


@pytest.fixture
async def listing(database: str, control_plane: ControlPlane, namespace: str) -> AsyncIterator[PostgresListing]:
    """The rows of pods of a namespace, as they are at the API server."""
    path = f"/api/v1/namespaces/{namespace}"
    for number, (name, labels) in enumerate(LABELS.items()):
        spec: dict[str, Any] = {"containers": [{"name": "c", "image": "c"}], "nodeName": f"node-{number}"}
        if name == "none":
            del spec["nodeName"]
        pod = {"metadata": {"name": name, "labels": labels}, "spec": spec}
        control_plane.request("POST", f"{path}/pods", pod)
    listed = control_plane.request("GET", f"{path}/pods")
    await prepare_schema(database)
    async with Database(database) as pool:
        await PostgresAccounts(pool).claim_account(CLAIM, zone="zone", agent="agent")
        mirror = PostgresMirror(pool)
        opened = await mirror.open_session(request(resource=PODS))
        events = [event_of(each) for each in listed["items"]]
        version = int(listed["metadata"]["resourceVersion"])
        await mirror.commit([batch(source(opened, resource=PODS), [part(1, *events, checkpoint=version)])])
        yield PostgresListing(pool)


def event_of(pod: dict[str, Any]) -> Event:
    """A pod as an agent sends it."""
    metadata = pod["metadata"]
    key = ObjectKey(metadata["namespace"], metadata["name"])
    return Event(Change.UPSERT, key, metadata["uid"], int(metadata["resourceVersion"]), 0, json.dumps(pod).encode())


def told(control_plane: ControlPlane, namespace: str, parameter: str, text: str) -> list[str] | None:
    """Names of what the API server selects; None where it refuses the selector."""
    try:
        found = control_plane.request("GET", f"/api/v1/namespaces/{namespace}/pods?{parameter}={quote(text)}")
    except urllib.error.HTTPError as error:
        error.close()
        if error.code not in (400, 422):
            raise
        return None
    return sorted(each["metadata"]["name"] for each in found["items"])


async def selected(listing: PostgresListing, selection: Selection) -> tuple[list[str], list[str]]:
    """Names of what is selected: by the database, and by a look into bodies as watches select."""
    async with listing.look(ACCOUNT, "", "pods") as look:
        reflector = look.coverage.standings[0].id
        page = await look.page(Extent(reflector, selection), None, Room())
        every = await look.page(Extent(reflector, Selection("", "pods")), None, Room())
    listed = [name for _, name, body in page.rows if selection.fields_met(body)]
    watched = [
        name for space, name, body in every.rows if selection.covers(ObjectKey(space, name)) and selection.shows(body)
    ]
    return sorted(listed), sorted(watched)


async def test_every_selector_selects_the_same(
    listing: PostgresListing, control_plane: ControlPlane, namespace: str
) -> None:
    """A selector that cannot be read here is the API server's to answer, but those that clients send are read."""
    read, wrong = 0, []
    for parameter, texts in (("labelSelector", LABEL_SELECTORS), ("fieldSelector", FIELD_SELECTORS)):
        for text in texts:
            labels, fields = (text, "") if parameter == "labelSelector" else ("", text)
            try:
                selection = parse_selection(PODS, namespace, labels, fields)
            except (InvalidSelector, UnsupportedField):
                continue
            theirs = told(control_plane, namespace, parameter, text)
            if await selected(listing, selection) != (theirs, theirs):
                wrong.append((text, theirs, await selected(listing, selection)))
            read += 1
    assert wrong == []
    assert read > 60
