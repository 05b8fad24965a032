"""The readable page."""

from __future__ import annotations

from html import escape

from fairlead.gateway.adapters.rest import docs, openapi


def test_everything_is_told_and_nothing_loaded() -> None:
    """Each call stands on the page with its parameters; nothing comes from another host."""
    document = openapi.document("1.2.3")
    page = docs.page(document)
    assert "1.2.3" in page
    for path, methods in document["paths"].items():
        assert path in page
        for call in methods.values():
            assert isinstance(call, list) or escape(call["summary"]) in page
    assert "<script" not in page
    assert "://" not in page


def test_texts_are_escaped() -> None:
    """What stands in the document is text on the page; backticks are code."""
    call = {"summary": "<b>", "description": "`a<b`", "responses": {}}
    page = docs.page({"info": {"title": "t", "version": "v", "description": "&"}, "paths": {"/x": {"get": call}}})
    assert "&lt;b&gt;" in page
    assert "<code>a&lt;b</code>" in page
    assert "<p>&amp;</p>" in page
