"""The API for people to read: one static page made from the OpenAPI document, with nothing loaded from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h1 { font-size: 1.6rem } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; font-family: ui-monospace, monospace }
.verb { color: #fff; background: #2b6a99; border-radius: .2rem; padding: .1rem .5rem; margin-right: .5rem }
.POST { background: #38785a } .DELETE { background: #a23b32 }
table { border-collapse: collapse; margin: .5rem 0 } td { padding: .15rem .8rem .15rem 0; vertical-align: top }
code, td:first-child { font-family: ui-monospace, monospace; font-size: .9em }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #d9e1e8 } a { color: #7fb8e0 } }
"""


def page(document: dict[str, Any]) -> str:
    """The page."""
    info = document["info"]
    sections = [
        _section(method, path, call)
        for path, methods in document["paths"].items()
        for method, call in methods.items()
        if method != "parameters"
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1><p>{_text(info['description'])}</p>"
        f'<p>For machines: <a href="/openapi.json">openapi.json</a></p>{"".join(sections)}</html>'
    )


def _section(method: str, path: str, call: dict[str, Any]) -> str:
    verb = method.upper()
    rows = [(parameter["name"], parameter["description"]) for parameter in call.get("parameters", ())]
    body = call.get("requestBody")
    if body:
        rows.append(("body", body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]))
    rows += [(status, told["description"]) for status, told in call["responses"].items() if status != "default"]
    table = "".join(f"<tr><td>{escape(name)}<td>{_text(told)}" for name, told in rows)
    return (
        f'<h2><span class="verb {verb}">{verb}</span>{escape(path)}</h2>'
        f"<p><b>{escape(call['summary'])}.</b> {_text(call.get('description', ''))}</p><table>{table}</table>"
    )


def _text(text: str) -> str:
    """Escape a text; what stands between backticks is code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))
