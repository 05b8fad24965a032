"""The alert rules, judged by the real promtool: they are well formed, fire when they should, and not before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.contract.observability.cases import CASES, Case, Series
from tests.contract.observability.described import ALERTS, FOLDER, alerts
from tests.support.prometheus import promtool

RULES = {rule["alert"]: rule for rule in alerts()}
pytestmark = pytest.mark.real


def test_each_alert_has_a_case() -> None:
    """No alert goes untested."""
    assert set(CASES) == set(RULES)


def test_rules_are_well_formed() -> None:
    """What `promtool check rules` says, its lint included."""
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)

    assert checked.returncode == 0, checked.stdout


def test_the_stacks_configuration_is_well_formed() -> None:
    """Prometheus takes the configuration of the compose stack; its rule file has its place in the container only."""
    checked = promtool("check", "config", "--syntax-only", FOLDER / "prometheus.yaml")

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", CASES)
def test_an_alert_fires(name: str, tmp_path: Path) -> None:
    """It fires with its labels and texts, not before its time, and not for what only looks like it."""
    case = CASES[name]
    tests = [
        _test("fires", case.fires, _at(name, case.not_yet), _at(name, case.at, _expected(name, case))),
        _test("quiet", case.quiet, _at(name, case.at)),
    ]

    result = _run(tests, tmp_path)

    assert result.returncode == 0, result.stdout


def test_a_case_can_fail(tmp_path: Path) -> None:
    """A wrong expectation is told: the cases above prove something."""
    case = CASES["FairleadLinkDown"]

    result = _run(
        [_test("too early", case.fires, _at("FairleadLinkDown", case.not_yet, _expected("FairleadLinkDown", case)))],
        tmp_path,
    )

    assert result.returncode != 0


def _run(tests: list[dict[str, Any]], directory: Path) -> Any:
    file = directory / "alerts_test.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}), encoding="utf-8"
    )
    return promtool("test", "rules", file)


def _test(name: str, series: Series, *rule_tests: dict[str, Any]) -> dict[str, Any]:
    inputs = [{"series": selector, "values": values} for selector, values in series.items()]
    return {"name": name, "interval": "1m", "input_series": inputs, "alert_rule_test": list(rule_tests)}


def _at(name: str, time: str, *expected: dict[str, Any]) -> dict[str, Any]:
    return {"eval_time": time, "alertname": name, "exp_alerts": list(expected)}


def _expected(name: str, case: Case) -> dict[str, Any]:
    rule = RULES[name]
    texts = {
        key: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: case.labels[found[1]], text)
        for key, text in rule["annotations"].items()
    }
    return {"exp_labels": {**rule["labels"], **case.labels}, "exp_annotations": texts}
