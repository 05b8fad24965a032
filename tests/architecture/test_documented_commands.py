"""Commands in documents are commands that there are: each `fairlead …` line is read by the command line itself, and not run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import yaml
from tests.support.source_tree import ROOT, repository_files

from fairlead.cli.app import app

_BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:^|[|;(]|&&)\s*(?:[A-Z_]+=\S+\s+)*(?:[\w./$-]*/)?fairlead(?=\s)([^|;)&\n]*)")
_PLACEHOLDER = re.compile(r"<[^>]*>")
_MENTION = re.compile(r"`fairlead ([^`]+)`")
_IN_COMMENT = re.compile(r"^#\s+((?:[A-Z_]+=\S+ )*fairlead .*)$", re.MULTILINE)
_VERB = re.compile(r"^(?:[A-Z_]+=\S+ )*make ([a-z-]+)", re.MULTILINE)
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_FILES = (".crt", ".key", ".token")
_MANIFESTS = (".yaml", ".yml")

COMMAND_LINE: Any = typer.main.get_command(app)


def documents(*endings: str) -> dict[str, str]:
    """Files of the repository by how their names end; the changelog tells of former releases."""
    names = [name for name in repository_files() if name.endswith(endings) and name != "CHANGELOG.md"]
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in names}


def blocks(text: str) -> list[str]:
    """The shell commands of a document, with continued lines joined and comments cut off."""
    return [re.sub(r"\s+#\s.*", "", found.replace("\\\n", " ")) for found in _BLOCK.findall(text)]


def commands() -> Iterator[tuple[str, str]]:
    """Whole commands, where they can be copied: in code blocks, and in comments of manifests."""
    for name, text in documents(".md").items():
        for block in blocks(text):
            for line in block.splitlines():
                yield from ((name, found.strip()) for found in _COMMAND.findall(line))
    for name, text in documents(*_MANIFESTS).items():
        for line in _IN_COMMENT.findall(text):
            yield from ((name, found.strip()) for found in _COMMAND.findall(line))


def mentions() -> Iterator[tuple[str, str]]:
    """Commands that a sentence names, perhaps without their arguments."""
    for name, text in documents(".md").items():
        yield from ((name, found) for found in _MENTION.findall(text))


def split(words: str) -> list[str]:
    """Words as a shell would see them, with something in the place of each `<placeholder>`."""
    return [word for word in shlex.split(_PLACEHOLDER.sub("some", words)) if word != "…"]


def fault_of(words: list[str], *, whole: bool) -> str:
    """What is wrong with the words behind `fairlead`; nothing is run. A part of a command may lack arguments."""
    command, context = COMMAND_LINE, None
    try:
        while words:
            context = command.make_context(command.name, list(words), parent=context)
            if not hasattr(command, "resolve_command"):
                return ""
            words = [*context._protected_args, *context.args]
            _, command, words = command.resolve_command(context, words)
        if not whole or hasattr(command, "resolve_command"):
            return ""
        command.make_context(command.name, [], parent=context)
    except typer.Exit:  # --help
        return ""
    except Exception as error:  # noqa: BLE001 - typer's own copies of click's errors
        lacks = type(error).__name__ == "MissingParameter"
        return "" if lacks and not whole else f"{type(error).__name__}: {error}"
    return ""


def test_commands_can_be_copied() -> None:
    """Each command of a code block exists, with its options and all the arguments that it needs."""
    found = list(commands())
    faults = [
        f"{name}: fairlead {words}: {fault}" for name, words in found if (fault := fault_of(split(words), whole=True))
    ]

    assert len(found) > 20, "the documents hold more commands than that: are they still found?"
    assert not faults, "\n".join(faults)


def test_mentioned_commands_exist() -> None:
    """Each command that a sentence names exists, with its options."""
    faults = [
        f"{name}: fairlead {words}: {fault}"
        for name, words in mentions()
        if (fault := fault_of(split(words), whole=False))
    ]

    assert not faults, "\n".join(faults)


def test_verbs_of_blocks_exist() -> None:
    """Each `make …` of a code block is a target of the Makefile."""
    targets = set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    faults = [
        f"{name}: make {verb}"
        for name, text in documents(".md").items()
        for block in blocks(text)
        for verb in _VERB.findall(block)
        if verb not in targets
    ]

    assert not faults, "\n".join(faults)


def settings_keys() -> set[str]:
    """Every key of the reference page."""
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    return {key.replace("[]", "") for key in re.findall(r"^\| `([\w.\[\]]+)`", page, flags=re.MULTILINE)}


def _keys(document: Any, path: str = "") -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _keys(value, f"{path}.{key}" if path else str(key))
    elif isinstance(document, list) and all(isinstance(each, dict) for each in document):
        for each in document:
            yield from _keys(each, path)
    else:
        yield path


def test_settings_in_documents_exist() -> None:
    """Each key of a configuration that a page shows is one of the reference page."""
    known = settings_keys()
    roots = {key.partition(".")[0] for key in known} - {"kubernetes"}  # Clouddriver has that section too
    faults = [
        f"{name}: {key}"
        for name, text in documents(".md").items()
        if name.startswith("docs/") or name == "README.md"
        for block in re.findall(r"^```yaml\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        for document in yaml.safe_load_all(block)
        if isinstance(document, dict) and roots & set(document) and "apiVersion" not in document
        for key in _keys(document)
        if key not in known and not any(key.startswith(f"{each}.") for each in known)
    ]

    assert not faults, "\n".join(faults)


def test_settings_in_sentences_exist() -> None:
    """Each key that a sentence names is one of the reference page, or a section of it."""
    known = settings_keys()
    roots = sorted({key.partition(".")[0] for key in known})
    span = re.compile(rf"`((?:{'|'.join(roots)})\.[\w.\[\]]+)`")
    faults = [
        f"{name}: {found}"
        for name, text in documents(".md").items()
        for found in span.findall(text)
        if not name.startswith("docs/reference/") and not found.endswith(_FILES)
        if not any(f"{key}.".startswith(f"{found.replace('[]', '')}.") for key in known)
    ]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("words", "whole", "told"),
    [
        ("certs keys --host a", True, ""),
        ("certs", False, ""),
        ("certs", True, "MissingParameter"),
        ("certs keys --hots a", True, "NoSuchOption"),
        ("ops aply -f x", False, "UsageError"),
        ("accounts", True, ""),
        ("kubeconfig <account>", True, ""),
    ],
)
def test_faults_are_seen(words: str, whole: bool, told: str) -> None:
    """What this file is for: a misspelled command or option is found, a right one is left alone."""
    fault = fault_of(split(words), whole=whole)
    assert fault.startswith(told)
    assert bool(fault) == bool(told)
