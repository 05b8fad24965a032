"""Manifests from files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.errors import MisuseError
from fairlead.cli.manifests import parse, parse_patch, read_manifests

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
JSON = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"day": "2026-01-01"}}'


def kinds(manifests: list[dict[str, object]]) -> list[object]:
    """Kinds in order."""
    return [manifest["kind"] for manifest in manifests]


def test_documents_come_in_order(tmp_path: Path) -> None:
    """Several documents, empty ones between them, several files, a whole directory."""
    (tmp_path / "a.yaml").write_text(f"---\n{SERVICE}---\n---\n{SERVICE.replace('Service', 'Pod')}")
    (tmp_path / "b.json").write_text(JSON)
    (tmp_path / "notes.txt").write_text("no manifest")

    assert kinds(read_manifests([str(tmp_path)])) == ["Service", "Pod", "ConfigMap"]


def test_standard_input_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` reads it."""
    monkeypatch.setattr("sys.stdin", io.StringIO(JSON))

    assert kinds(read_manifests(["-"])) == ["ConfigMap"]


def test_a_list_is_taken_apart() -> None:
    """Each item is a manifest of its own."""
    text = f'{{"apiVersion": "v1", "kind": "List", "items": [{JSON}, {JSON}]}}'

    assert kinds(list(parse(text, "list.json"))) == ["ConfigMap", "ConfigMap"]


def test_dates_stay_text() -> None:
    """JSON has no dates, so YAML's are left as written."""
    [manifest] = parse(f"{SERVICE}data: {{day: 2026-01-01, at: 2026-01-01T10:00:00Z}}\n", "x")

    assert manifest["data"] == {"day": "2026-01-01", "at": "2026-01-01T10:00:00Z"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", r"x is no YAML or JSON \(line"),
        ("just text", "needs apiVersion and kind"),
        (f"{SERVICE}---\nkind: Pod\n", "x, document 2"),
        (f"{SERVICE}data: {{x: .nan}}\n", "JSON has no form"),
        (f"{SERVICE}data: {{x: !!binary aGk=}}\n", "JSON has no form"),
    ],
)
def test_what_is_no_manifest_is_told_with_its_place(text: str, told: str) -> None:
    """The file and, among several, the document."""
    with pytest.raises(MisuseError, match=told):
        list(parse(text, "x"))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """Missing, not UTF-8, or without a manifest."""
    (tmp_path / "latin.yaml").write_bytes(b"\xe4: 1")
    (tmp_path / "empty.yaml").write_text("---\n")
    with pytest.raises(MisuseError, match="cannot be read"):
        read_manifests([str(tmp_path / "absent.yaml")])
    with pytest.raises(MisuseError, match="no UTF-8"):
        read_manifests([str(tmp_path / "latin.yaml")])
    with pytest.raises(MisuseError, match="no manifest"):
        read_manifests([str(tmp_path / "empty.yaml")])


def test_patches_are_yaml_or_json() -> None:
    """Either form gives the same body."""
    assert parse_patch("spec: {replicas: 3}") == parse_patch('{"spec": {"replicas": 3}}')
    for text in ("{", "a sentence", "7", ""):
        with pytest.raises(MisuseError):
            parse_patch(text)
