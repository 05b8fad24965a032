"""`fairlead certs`: files that nobody else reads, and nothing replaced unasked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from fairlead.cli.app import run
from fairlead.cli.certs import Plan, make
from fairlead.cli.errors import CommandError

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of a directory."""
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """Names of files that differ."""
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    """All files are written, and no key can be read by another user."""
    report = make(Plan(tmp_path / "pki"), NOW)

    assert {path.name for path in report.written} == {
        f"{name}.{kind}" for name in ("ca", "gateway", "agent", "api") for kind in ("crt", "key")
    }
    assert {path.stat().st_mode & 0o777 for path in report.written if path.suffix == ".key"} == {0o600}


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """What is there is kept; a new agent gets a certificate of the same authority."""
    make(Plan(tmp_path), NOW)
    before = contents(tmp_path)
    report = make(Plan(tmp_path, agents=("agent", "agent-2")), NOW)

    assert changed(before, contents(tmp_path)) == {"agent-2.crt", "agent-2.key"}
    assert not report.warnings


def test_renewal_keeps_the_authority(tmp_path: Path) -> None:
    """With ``renew`` every certificate but the authority's is issued anew."""
    make(Plan(tmp_path), NOW)
    before = contents(tmp_path)
    make(Plan(tmp_path, renew=True), NOW)

    assert changed(before, contents(tmp_path)) == set(before) - {"ca.crt", "ca.key"}


def test_force_replaces_everything(tmp_path: Path) -> None:
    """With ``force`` the authority is another one."""
    make(Plan(tmp_path), NOW)
    before = contents(tmp_path)
    make(Plan(tmp_path, force=True), NOW)

    assert changed(before, contents(tmp_path)) == set(before)


def test_what_is_kept_and_doubtful_is_told(tmp_path: Path) -> None:
    """A certificate that ends soon, lacks a host or comes from another authority is named with what to do."""
    plan = Plan(tmp_path, lifetime=timedelta(days=10))
    make(plan, NOW)
    other = tmp_path / "other"
    make(replace(plan, directory=other), NOW)
    (tmp_path / "agent.crt").write_bytes((other / "agent.crt").read_bytes())

    warnings = "\n".join(make(replace(plan, hosts=("gateway.example",)), NOW).warnings)

    assert "gateway.crt ends on 2026-05-14" in warnings
    assert "gateway.crt is not for gateway.example" in warnings
    assert "agent.crt was issued by another authority" in warnings
    assert warnings.count("--renew") == warnings.count("\n") + 1


def test_half_an_authority_is_no_authority(tmp_path: Path) -> None:
    """A lost key is told instead of a new authority being made in silence."""
    make(Plan(tmp_path), NOW)
    (tmp_path / "ca.key").unlink()

    with pytest.raises(CommandError, match="put the missing or right file back"):
        make(Plan(tmp_path), NOW)


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 and one line for each file; misuse is exit code 2."""
    with pytest.raises(SystemExit) as done:
        run(["certs", str(tmp_path / "pki"), "--host", "gateway.example", "--agent", "east"])
    assert done.value.code == 0
    assert f"wrote {tmp_path}/pki/east.key" in capsys.readouterr().out

    with pytest.raises(SystemExit) as misused:
        run(["certs", str(tmp_path / "pki"), "--agent", "ca"])
    assert misused.value.code == 2
    assert "plain names" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--host", ""),
        ("--host", "https://gateway"),
        ("--host", "a:8443"),
        ("--host", "bücher.example"),
        ("--days", "99999999"),
    ],
)
def test_what_no_certificate_can_hold_is_misuse(tmp_path: Path, wrong: tuple[str, str]) -> None:
    """Nothing is written then."""
    with pytest.raises(SystemExit) as done:
        run(["certs", str(tmp_path / "pki"), *wrong])

    assert done.value.code == 2
    assert not (tmp_path / "pki").exists()
