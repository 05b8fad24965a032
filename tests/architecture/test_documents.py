"""Documents that cannot lie about the tree: links lead somewhere, verbs exist, each member tells what it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.source_tree import PRODUCT, ROOT, python_files, repository_files, syntax_of

_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")
_INTO = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_VERB = re.compile(r"`make ([a-z]+)")
_README_LINES = 150
_FIRST_COLUMN = re.compile(r"^\| (.+?) \|", re.MULTILINE)
_SETTING = re.compile(r"^[\w.]+: ")
SENTENCE_WORDS = 3
SENTENCES = 30


def documents() -> dict[str, str]:
    """Every Markdown file of the repository."""
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in repository_files() if name.endswith(".md")}


def test_links_lead_somewhere() -> None:
    """Each relative link names a file or folder that is there."""
    broken = [
        f"{name}: {link}"
        for name, text in documents().items()
        for link in _LINK.findall(text)
        if not (ROOT / name).parent.joinpath(link).exists()
    ]

    assert not broken, "\n".join(broken)


def test_anchors_lead_somewhere() -> None:
    """Each link into a page names one of its headings, as GitHub spells them."""
    pages = documents()
    headings = {name: {_anchor(title) for title in _HEADING.findall(text)} for name, text in pages.items()}
    broken = [
        f"{name}: {link}#{anchor}"
        for name, text in pages.items()
        for link, anchor in _INTO.findall(text)
        if anchor not in headings.get(_page(name, link), {anchor})
    ]

    assert not broken, "\n".join(broken)


def _page(name: str, link: str) -> str:
    """The page that a link of another page names; itself when it names none."""
    return (ROOT / name).parent.joinpath(link).resolve().relative_to(ROOT).as_posix() if link else name


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def test_verbs_exist() -> None:
    """Each `make …` that a document names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    unknown = [
        f"{name}: make {verb}"
        for name, text in documents().items()
        for verb in _VERB.findall(text)
        if verb not in targets
    ]

    assert not unknown, "\n".join(unknown)


def test_quoted_messages_are_messages() -> None:
    """What the page on troubleshooting says that a part says stands in the sources; `…` stands for what varies."""
    page = documents()["docs/troubleshooting.md"]
    said = "\n".join(_texts())
    quoted = [span for row in _FIRST_COLUMN.findall(page) for span in re.findall(r"`([^`]+)`", row)]
    pieces = [piece.strip(" :;(),?.") for span in quoted for piece in re.split(r"…|'|<[^>]*>", span)]
    sentences = [piece for piece in pieces if len(piece.split()) >= SENTENCE_WORDS and "Address" not in piece]
    unknown = [piece for piece in sentences if piece not in said and _SETTING.sub("", piece) not in said]

    assert len(sentences) > SENTENCES, "the page quotes more than that: is it still found?"
    assert not unknown, "\n".join(unknown)


def _texts() -> Iterator[str]:
    """Every text of the product; what is put into one is left out."""
    for name in python_files(*PRODUCT):
        for node in ast.walk(syntax_of(name)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_each_member_tells_what_it_is() -> None:
    """Each library, service and the command has a page; the front page stays short."""
    members = [
        path.parent
        for pattern in ("libs/*/pyproject.toml", "services/*/pyproject.toml", "cli/pyproject.toml")
        for path in ROOT.glob(pattern)
    ]
    silent = [str(member.relative_to(ROOT)) for member in members if not (member / "README.md").is_file()]

    assert not silent
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= _README_LINES


def test_decisions_are_numbered() -> None:
    """Records count from 0001 without a hole, and each title repeats its number."""
    records = sorted(path for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))

    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        assert path.read_text(encoding="utf-8").startswith(f"# {path.name[:4]} · "), path.name
