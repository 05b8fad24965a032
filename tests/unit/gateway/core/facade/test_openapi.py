"""OpenAPI documents: which is meant, what is told with it."""

from __future__ import annotations

import gzip

import pytest

from fairlead.gateway.core.facade.openapi import V2_PROTOBUF, Schemas, answer_headers, kept, named_by, unchanged, wanted

FOUND = Schemas(
    {"etag": '"H"', "last-modified": "Sat", "content-type": "application/json"}, gzip.compress(b"{}", mtime=0)
)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (V2_PROTOBUF, V2_PROTOBUF),
        (f"{V2_PROTOBUF}, application/json", V2_PROTOBUF),
        ("application/com.github.proto-openapi.spec.v3.v1.0+protobuf", "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"),
        ("application/json, */*", "application/json"),
        ("", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("text/html", None),
        ("application/com.github.proto-openapi.spec.v9@v1.0+protobuf", None),
    ],
)  # fmt: skip
def test_one_media_type_is_asked_for(accept: str, media: str | None) -> None:
    """The client's first that is known, so that equal wishes share a document."""
    found = wanted("/openapi/v2", accept, "")

    assert (found.media if found else None) == media


@pytest.mark.parametrize(
    "path", ["/openapi/v3/a b", "/openapi/v3/\0", "/openapi/v3//x", "/openapi/v4", "/openapi/v3/a\n"]
)
def test_strange_paths_are_for_the_cluster(path: str) -> None:
    """What would have to be escaped names no group version."""
    assert wanted(path, "", "") is None


def test_a_document_is_named_by_path_and_media_type() -> None:
    """Not by the hash: a new state takes the place of the former one."""
    found = wanted("/openapi/v3/apis/apps/v1", "", "H")

    assert found is not None
    assert (found.key, found.hash) == ("/openapi/v3/apis/apps/v1 application/json", "H")


def test_bodies_are_kept_packed() -> None:
    """As they came, or packed here; only headers that describe the document stay."""
    headers = {"etag": '"H"', "content-type": "x", "audit-id": "y", "last-modified": ""}
    packed = gzip.compress(b"body")

    assert gzip.decompress(kept(headers, b"body").packed) == b"body"
    assert kept(headers | {"content-encoding": "gzip"}, packed).packed == packed
    assert kept(headers, b"body") == kept(headers, b"body")
    assert kept(headers, b"body").headers == {"etag": '"H"', "content-type": "x"}


def test_only_the_state_that_was_asked_for_lasts() -> None:
    """What the index named by its hash never changes; anything else has to be asked for again."""
    assert "immutable" in dict(answer_headers(FOUND, "H"))["Cache-Control"]
    assert "immutable" not in dict(answer_headers(FOUND, "OLD"))["Cache-Control"]
    assert "immutable" not in dict(answer_headers(FOUND, ""))["Cache-Control"]
    assert dict(answer_headers(FOUND, ""))["Last-Modified"] == "Sat"


def test_the_index_gets_an_etag_of_its_own() -> None:
    """API servers give it none; equal bytes have the same."""
    index, other = Schemas({}, b"1"), Schemas({}, b"2")

    assert index.etag == Schemas({}, b"1").etag != other.etag
    assert "Last-Modified" not in dict(answer_headers(index, ""))


@pytest.mark.parametrize(
    ("conditions", "same"),
    [
        ({"if-none-match": '"H"'}, True),
        ({"if-none-match": '"X"', "if-modified-since": "Sat"}, False),
        ({"if-modified-since": "Sat"}, True),
        ({"if-modified-since": "Sun"}, False),
        ({}, False),
    ],
)
def test_clients_that_have_it(conditions: dict[str, str], same: bool) -> None:
    """The ETag wins over the date (RFC 9110, 13.2.2)."""
    assert unchanged(FOUND, conditions) is same


def test_an_index_names_every_document() -> None:
    """With its hash; something else names nothing."""
    index = b'{"paths":{"api/v1":{"serverRelativeURL":"/openapi/v3/api/v1?hash=H"},"version":{}}}'

    assert named_by(index) == {"/openapi/v3/api/v1": "H", "/openapi/v3/version": ""}
    assert named_by(b"[]") is None
