"""Rules of the whole repository that no linter knows, or that a noqa would get around."""

from __future__ import annotations

import ast
import re

from tests.support.source_tree import ROOT, python_files, repository_files, syntax_of

READS_THE_ENVIRONMENT: dict[str, str] = {
    "cli/src/fairlead/cli/parts/processes.py": "hands the environment on to the children it starts",
    "tests/support/options.py": "what a test run is asked for",
    "tools/parts/build.py": "hands the environment on to go, and asks where caches are",
}
"""Files other than settings modules that may touch os.environ, each with the reason."""

_TASK_STARTERS = {"create_task", "ensure_future", "gather"}
_ENVIRONMENT = {"environ", "environb", "getenv", "getenvb"}

# Written apart, so that this file does not name them itself.
_FOREIGN_PATHS = re.compile(
    r"\.\./" + r"shared\b|(?<![\w.])/(?:" + r"work/(?:main|shared|\.library|\.mirror)|" + r"farm/)"
)


def uses(tree: ast.Module, module: str, names: set[str]) -> list[int]:
    """Return the lines that use ``module.name`` or import the name from the module."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == module and node.attr in names:
                lines.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == module:
            lines += [node.lineno for alias in node.names if alias.name in names]
    return lines


def test_only_the_runtime_starts_tasks() -> None:
    """A task has an owner: a Scope of the runtime, or the TaskGroup of the function that waits for it."""
    found = [
        f"{name}:{line}"
        for name in python_files()
        if not name.startswith("libs/runtime/")
        for line in uses(syntax_of(name), "asyncio", _TASK_STARTERS)
    ]

    assert not found, "\n".join(found)


def test_only_settings_read_the_environment() -> None:
    """Configuration enters through settings modules; the table names who else touches the environment, and why."""
    found = {
        f"{name}:{line}"
        for name in python_files()
        if not name.endswith("/settings.py") and name not in READS_THE_ENVIRONMENT
        for line in uses(syntax_of(name), "os", _ENVIRONMENT)
    }

    assert not found, "\n".join(sorted(found))


def test_nothing_depends_on_the_machine_it_was_written_on() -> None:
    """No file names a path outside the repository that only its authors have."""
    found = []
    for name in repository_files():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # binary files name nothing
        found += [f"{name}:{text.count(chr(10), 0, hit.start()) + 1}" for hit in _FOREIGN_PATHS.finditer(text)]

    assert not found, "\n".join(found)
