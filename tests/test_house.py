"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_site import __version__

HOUSE = Path(__file__).resolve().parent.parent
APPS = ("chimera_site", "conversations", "providers")
FILE_STOP, FUNCTION_STOP = 400, 50
# What runs without a request around it: there the ORM's own async methods never recover from a lost connection.
BACKGROUND = (
    "conversations/rounds.py",
    "conversations/runner.py",
    "conversations/hub.py",
    "conversations/consumers.py",
)
BACKGROUND_PACKAGES = ("conversations/replies", "providers")
ORM_ASYNC = re.compile(
    r"\.(a(?:get|create|save|update|delete|first|last|count|exists|bulk_\w+|get_or_create|update_or_create"
    r"|refresh_from_db|iterator|aggregate|in_bulk|add|set|remove|clear|contains|earliest|latest))\("
)


def product() -> list[Path]:
    files = [path for app in APPS for path in (HOUSE / app).rglob("*.py") if "migrations" not in path.parts]
    return sorted(path for path in files if path != HOUSE / "chimera_site/settings.py")


def name(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_longer_than_one_can_hold_in_mind() -> None:
    long = {name(path): lines for path in product() if (lines := len(path.read_text().splitlines())) > FILE_STOP}
    assert long == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{name(path)}:{node.lineno} {node.name}": lines
        for path in product()
        for node in functions(path)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_STOP
    }
    assert long == {}


def test_background_code_reaches_the_database_by_its_door_alone() -> None:
    files = [HOUSE / path for path in BACKGROUND]
    files += [path for package in BACKGROUND_PACKAGES for path in (HOUSE / package).rglob("*.py")]
    found = [
        f"{name(path)}: {match.group(1)}"
        for path in files
        if path.exists()
        for match in ORM_ASYNC.finditer(path.read_text())
    ]
    assert found == []


def test_the_environment_is_read_in_settings_alone() -> None:
    """Setting a variable for Django or a child process is not reading one."""
    reads = re.compile(r"os\.environ(?:\.get\(|\[[^]]+\](?!\s*=))|os\.getenv\(")
    assert [name(path) for path in product() if reads.search(path.read_text())] == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py", "signals.py"}
    assert [name(path) for path in product() if path.name in drawers] == []


def test_imports_run_downwards() -> None:
    lint = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([lint, "--no-cache"], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-1000:]


def test_there_is_one_version_number() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "chimera_site.__version__"}
    assert f"## {__version__}" in (HOUSE / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("path", ["README.md", ".env.example"])
def test_every_variable_that_is_told_is_read(path: str) -> None:
    told = set(
        re.findall(r"\b(CHIMERA_[A-Z_]+|DATA_DIR|TRUSTED_PROXIES|LOG_FORMAT|BIND)\b", (HOUSE / path).read_text())
    )
    read = set(re.findall(r'env\.\w+\(\s*"(\w+)"', (HOUSE / "chimera_site/settings.py").read_text()))
    assert told - read == set()
