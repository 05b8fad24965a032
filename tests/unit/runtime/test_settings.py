"""Loading settings: one file, its local overlay, the environment, and every fault at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fairlead.runtime.errors import ConfigurationError
from fairlead.runtime.settings import Section, load, merge, read_secret, unknown_keys

if TYPE_CHECKING:
    from pathlib import Path

SENTINEL = "hunter2-sentinel"


class Tasks(Section):
    """A section."""

    total_budget: int = 5
    retries: float = 1.0


class Door(Section):
    """A section with a secret."""

    token: SecretStr = SecretStr("")
    level: Literal["low", "high"] = "low"
    tasks: Tasks = Tasks()


class Sample(Section):
    """Settings of a service."""

    name: str = "none"
    enabled: bool = False
    kinds: tuple[str, ...] = ()
    ca_file: str | None = None
    tasks: Tasks = Tasks()
    door: Door = Door()


def loaded(tmp_path: Path, text: str = "", **variables: str) -> Sample:
    """Load from a file of this text and these variables."""
    file = tmp_path / "fairlead.yaml"
    file.write_text(text, encoding="utf-8")
    return load(Sample, "watcher", {"FAIRLEAD_CONFIG": str(file), **variables})


def problems(tmp_path: Path, text: str = "", **variables: str) -> tuple[str, ...]:
    """Load what cannot be loaded and return what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, **variables)
    assert caught.value.__cause__ is None
    return caught.value.problems


def test_the_file_uses_camel_case(tmp_path: Path) -> None:
    """Keys are spelled as Armory spells them; what is not there has its default."""
    settings = loaded(tmp_path, "name: prod\ntasks: {totalBudget: 7}\n")

    assert (settings.name, settings.tasks.total_budget, settings.tasks.retries) == ("prod", 7, 1.0)


def test_no_file_means_defaults() -> None:
    """Nothing has to be configured; an empty document is as good as none."""
    assert load(Sample, "watcher", {}) == Sample()


def test_the_local_overlay_wins(tmp_path: Path) -> None:
    """`…-local.yaml` beside the file is laid over it, mapping by mapping."""
    (tmp_path / "fairlead-local.yaml").write_text("tasks: {retries: 2}\nkinds: [Pod]\n", encoding="utf-8")
    settings = loaded(tmp_path, "tasks: {totalBudget: 7, retries: 3}\nkinds: [Job, Service]\n")

    assert settings.tasks == Tasks(total_budget=7, retries=2)
    assert settings.kinds == ("Pod",)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """Nested keys are joined by two underscores; a service's own variable wins over the shared one."""
    settings = loaded(
        tmp_path,
        "name: file\ntasks: {totalBudget: 1, retries: 2}\n",
        FAIRLEAD__NAME="all",
        FAIRLEAD_WATCHER__NAME="mine",
        FAIRLEAD_GATEWAY__NAME="theirs",
        FAIRLEAD_WATCHER__TASKS__TOTAL_BUDGET="9",
        fairlead__door__tasks__retries="0.5",
        FAIRLEAD__ENABLED="true",
        FAIRLEAD_WATCHER__KINDS="[Pod, Job]",
    )

    assert settings.name == "mine"
    assert settings.tasks == Tasks(total_budget=9, retries=2)
    assert settings.door.tasks.retries == pytest.approx(0.5)
    assert settings.enabled
    assert settings.kinds == ("Pod", "Job")


@pytest.mark.parametrize("text", ["0123", "yes", "null", "1e5", "2026-01-01", "[a", "{x: y}", "a: b", "~", "0x10"])
def test_a_secret_is_taken_as_it_is(tmp_path: Path, text: str) -> None:
    """Text that YAML would read as something else stays the same text in settings that hold text."""
    settings = loaded(tmp_path, FAIRLEAD_WATCHER__DOOR__TOKEN=text, FAIRLEAD_WATCHER__NAME=text)

    assert settings.door.token.get_secret_value() == text
    assert settings.name == text


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    """A variable without a value leaves what the file says; `null` unsets an optional one."""
    settings = loaded(tmp_path, "caFile: /ca\nname: prod\n", FAIRLEAD__NAME="", FAIRLEAD__CA_FILE="null")

    assert (settings.name, settings.ca_file) == ("prod", None)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """Faults of the file and of the environment come together, each with its key, and none with its value."""
    told = problems(
        tmp_path,
        f"tasks: {{totalBudget: {SENTINEL}}}\nkinds: {SENTINEL}\ndoor: {{level: {SENTINEL}, token: [{SENTINEL}]}}\n",
        FAIRLEAD_WATCHER__TASKS__RETRIES=SENTINEL,
        FAIRLEAD_WATCHER__TASKS__BUDGET=SENTINEL,
        FAIRLEAD_WATCHER__NAME__FIRST=SENTINEL,
        FAIRLEAD_WATCHER__NOTHING=SENTINEL,
    )

    keys = sorted(each.split(":")[0] for each in told)
    assert keys == [
        "FAIRLEAD_WATCHER__NAME__FIRST",
        "FAIRLEAD_WATCHER__NOTHING",
        "FAIRLEAD_WATCHER__TASKS__BUDGET",
        "door.level",
        "door.token",
        "kinds",
        "tasks.retries",
        "tasks.totalBudget",
    ]
    assert SENTINEL not in " ".join(told)
    assert "known are caFile, door, enabled, kinds, name, tasks" in " ".join(told)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_no_value_of_any_kind_is_echoed(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever stands where a number belongs, the fault does not repeat it."""
    marked = f"{SENTINEL}{text}"
    told = problems(tmp_path_factory.getbasetemp(), FAIRLEAD_WATCHER__TASKS__TOTAL_BUDGET=marked)

    assert SENTINEL not in " ".join(told)


def test_a_date_that_there_is_not_is_a_fault(tmp_path: Path) -> None:
    """PyYAML fails of it in a way of its own."""
    told = problems(tmp_path, FAIRLEAD_WATCHER__TASKS__TOTAL_BUDGET="2026-13-45")
    assert [each.split(":")[0] for each in told] == ["tasks.totalBudget"]
    assert "is no YAML" in problems(tmp_path, "tasks: 2026-13-45\n")[0]


def test_a_section_that_is_no_mapping_is_a_fault(tmp_path: Path) -> None:
    """A scalar where a section belongs is told by its key, also when a variable points below it."""
    assert problems(tmp_path, "tasks: many\n", FAIRLEAD_WATCHER__TASKS__RETRIES="1")[0].startswith("tasks: ")


def test_shared_variables_may_concern_other_services(tmp_path: Path) -> None:
    """`FAIRLEAD__…` reaches every service, so a setting that this one lacks is no fault."""
    assert loaded(tmp_path, FAIRLEAD__DATABASE__URL="x", FAIRLEAD__NAME="prod").name == "prod"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"a: [{SENTINEL}", "is no YAML (line "),
        (f"- {SENTINEL}", "must hold a mapping"),
        (SENTINEL, "must hold a mapping"),
        (f"a: !!python/name:{SENTINEL}", "is no YAML"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, told: str) -> None:
    """A file that cannot be used is named, with the line, without its content."""
    (problem,) = problems(tmp_path, text)

    assert told in problem
    assert str(tmp_path) in problem
    assert SENTINEL not in problem


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """FAIRLEAD_CONFIG that names nothing is a fault; settings do not silently fall back to defaults."""
    with pytest.raises(ConfigurationError, match=r"FAIRLEAD_CONFIG names .*absent\.yaml, which is no file"):
        load(Sample, "watcher", {"FAIRLEAD_CONFIG": str(tmp_path / "absent.yaml")})


def test_unknown_keys_are_found_not_refused(tmp_path: Path) -> None:
    """One file serves all services, so unknown keys are no fault; a check can list them."""
    assert loaded(tmp_path, "gateway: {port: 1}\n") == Sample()
    document = {"name": "x", "nmae": "y", "tasks": {"totalBudget": 1, "budget": 2}, "kinds": {"a": 1}}

    assert list(unknown_keys(Sample, document)) == ["nmae", "tasks.budget"]


def test_settings_cannot_be_changed_and_do_not_show_secrets(tmp_path: Path) -> None:
    """Settings are frozen, and their text holds no secret."""
    settings = loaded(tmp_path, FAIRLEAD_WATCHER__DOOR__TOKEN=SENTINEL)

    assert SENTINEL not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.name = "other"


_documents = st.recursive(
    st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8
)
_mappings = st.dictionaries(st.sampled_from("abc"), _documents, max_size=3)


@given(_mappings, _mappings, _mappings)
def test_merging(first: dict[str, object], second: dict[str, object], third: dict[str, object]) -> None:
    """The upper document wins, nothing of it is lost, and inputs stay as they were."""
    before = repr((first, second))
    merged = merge(first, second)

    assert merge(merged, second) == merged
    assert merge(first, {}) == first
    assert merge({}, first) == first
    assert set(merge(merged, third)) == set(first) | set(second) | set(third)
    assert repr((first, second)) == before


def test_secrets_are_read_from_files(tmp_path: Path) -> None:
    """A trailing newline is no part of a secret; an unreadable file is a fault of its setting."""
    file = tmp_path / "token"
    file.write_text("s3cret\n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    assert read_secret(file, "auth.tokenFile") == "s3cret"
    with pytest.raises(ConfigurationError, match=r"auth\.tokenFile: .*absent cannot be read \(No such file"):
        read_secret(tmp_path / "absent", "auth.tokenFile")
    with pytest.raises(ConfigurationError, match=r"auth\.tokenFile: .*binary cannot be read"):
        read_secret(tmp_path / "binary", "auth.tokenFile")
