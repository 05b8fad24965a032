"""The unit tests mirror the sources: each module has its test file, each test file its module."""

from __future__ import annotations

import ast
import re

from tests.support.source_tree import PRODUCT, ROOT, python_files, syntax_of

WITHOUT_UNIT_TEST: dict[str, str] = {
    "cli/demo/command.py": "tests/e2e/test_demo.py runs it as a user does",
    "cli/demo/steps.py": "tests/e2e/test_demo.py takes each step",
    "cli/stack/simulation.py": "tests/integration/cli/test_stack.py starts one as a process",
    "cli/stack/stack.py": "tests/integration/cli/test_stack.py starts, breaks and ends real parts",
}
"""Modules (``part/module.py``) that are tested elsewhere, each with the reason."""
WITH_REAL_PARTS = re.compile(r"(?P<part>[^/]+)/(?:adapters/.+|service\.py)")
"""Adapters and compositions meet their real neighbours in tests/integration/<part> instead of a unit test."""

_SOURCE = re.compile(r"(?:libs|services)/[^/]+/src/fairlead/(?P<module>.+)|cli/src/fairlead/(?P<cli>.+)")
_UNTESTED_NAMES = ("__init__.py", "__main__.py")


def sources() -> dict[str, str]:
    """Map each module, as ``part/…/module.py``, to its file."""
    found = {}
    for name in python_files(*PRODUCT):
        match = _SOURCE.fullmatch(name)
        if match:
            found[match["module"] or match["cli"]] = name
    return found


def unit_test_of(module: str) -> str:
    """Return the unit test file that a module should have."""
    folder, _, file = module.rpartition("/")
    return f"tests/unit/{folder}/test_{file}"


def meets_real_parts(module: str) -> bool:
    """Whether a module is an adapter or a composition whose part has integration tests."""
    match = WITH_REAL_PARTS.fullmatch(module)
    return match is not None and any((ROOT / "tests/integration" / match["part"]).glob("test_*.py"))


def only_declares(tree: ast.Module) -> bool:
    """Whether a module has no function that does anything: types, protocols, errors and constants alone."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return not any(_does_something(function) for function in functions)


def _does_something(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)) for line in function.body)


def test_each_module_has_its_test_file() -> None:
    """A module that does something is tested in the file of its name, or the table says where and why."""
    missing = [
        f"{name}: write {unit_test_of(module)}, or give the reason in WITHOUT_UNIT_TEST"
        for module, name in sources().items()
        if not module.endswith(_UNTESTED_NAMES)
        and module not in WITHOUT_UNIT_TEST
        and not meets_real_parts(module)
        and not (ROOT / unit_test_of(module)).is_file()
        and not only_declares(syntax_of(name))
    ]

    assert not missing, "\n".join(missing)


def test_each_test_file_has_its_module() -> None:
    """A unit test file is named for a module that is there."""
    expected = {unit_test_of(module) for module in sources()}
    strays = [name for name in python_files("tests/unit") if "/test_" in name and name not in expected]

    assert not strays, "\n".join(strays)


def test_the_table_of_exceptions_is_no_longer_than_needed() -> None:
    """Each exception names a module that is there and still has no test file."""
    modules = sources()
    stale = [module for module in WITHOUT_UNIT_TEST if module not in modules or (ROOT / unit_test_of(module)).is_file()]

    assert not stale, "\n".join(stale)
