"""The ways in agree: pyproject.toml, constraints.txt, environment.yml, Makefile, README, CI."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def direct(project):
    """Every requirement of the project itself and of its extras."""
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return [r for lines in lists for r in map(Requirement, lines) if r.name != project["name"]]


@pytest.fixture(scope="module")
def pins(repository):
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def make(repository, *arguments):
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    done = subprocess.run(["make", *arguments], cwd=repository, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_every_direct_dependency_is_pinned_within_its_bounds(direct, pins):
    pinned = {canonicalize_name(pin.name): pin for pin in pins}
    for requirement in direct:
        pin = pinned.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} is not in constraints.txt"
        (version,) = [specifier.version for specifier in pin.specifier]
        assert requirement.specifier.contains(version), f"{requirement} excludes the tested {pin}"


def test_every_package_that_is_imported_is_declared(repository, direct):
    known = {"PIL": "pillow", "sklearn": "scikit-learn", "skimage": "scikit-image"}
    declared = {canonicalize_name(requirement.name) for requirement in direct}
    missing = {}
    for path in (repository / "tlcourse").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            for top in {name.partition(".")[0] for name in names} - sys.stdlib_module_names:
                package = canonicalize_name(known.get(top, top))
                if package not in declared | {"tlcourse"}:
                    missing[package] = path.relative_to(repository)
    assert not missing


def test_constraints_are_exact_and_name_no_place(pins):
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(set(names)) == len(names)
    for pin in pins:
        assert pin.url is None and [s.operator for s in pin.specifier] == ["=="], str(pin)


def test_every_dependency_says_why(repository):
    text = (repository / "pyproject.toml").read_text(encoding="utf-8")
    tables = text[text.index("dependencies = [") : text.index("[project.scripts]")]
    for line in re.findall(r'^ {4}"(?!tlcourse\[).*$', tables, re.M):
        assert re.search(r",\s+# \w", line), f"say what it is for: {line.strip()}"


def test_extras_that_are_named_exist(project, repository):
    files = (
        "Makefile",
        "environment.yml",
        "README.md",
        "tlcourse/app/lessons.py",
        "pyproject.toml",
    )
    for name in files:
        text = (repository / name).read_text(encoding="utf-8")
        for extras in re.findall(r"(?:-e ['\"]?\.|tlcourse)\[([\w,]+)\]", text):
            unknown = set(extras.split(",")) - set(project["optional-dependencies"])
            assert not unknown, f"{name} names the extras {unknown}"


def test_environment_yml_takes_the_same_way(repository, project):
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load((repository / "environment.yml").read_text(encoding="utf-8"))
    assert content["channels"] == ["conda-forge"]
    *conda, pip = content["dependencies"]
    assert pip == {
        "pip": [f"--extra-index-url {CPU_INDEX}", "-c constraints.txt", "-e .[lab]"],
    }
    python, pip_itself = conda
    assert pip_itself == "pip"
    lowest = project["requires-python"].removeprefix(">=")
    assert Requirement(python.replace(" ", "")).specifier.contains(lowest)


def test_the_package_runs_where_only_its_dependencies_are(repository):
    # A machine with a GPU may have PyTorch but no Jupyter: nothing at import may need more.
    code = (
        "import sys\n"
        "for name in ('IPython', 'ipywidgets', 'papermill', 'nbformat', 'nbclient', 'nbval'):\n"
        "    sys.modules[name] = None\n"
        "import pkgutil, tlcourse\n"
        "from importlib import import_module\n"
        "assert 'torch' not in sys.modules, 'import tlcourse imports torch'\n"
        "for module in pkgutil.walk_packages(tlcourse.__path__, 'tlcourse.'):\n"
        "    only_jupyter = {'widgets', 'portable', '__main__', 'contents'}\n"
        "    if not only_jupyter & set(module.name.split('.')):\n"
        "        import_module(module.name)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_make_help_describes_every_target(repository):
    text = (repository / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.M)[1].split()) - {"help"}
    status, shown = make(repository, "help")
    assert status == 0
    described = set(re.findall(r"^make ([\w-]+)", shown, re.M))
    assert described == targets
    for target in targets:
        assert make(repository, "-n", target, "PYTHON=python3")[0] == 0, f"make -n {target}"


def test_cpu_switch_installs_the_cpu_build_and_nothing_else_does(repository, tmp_path):
    fresh = (f"VENV={tmp_path / 'venv'}", "PYTHON=python3")
    for target in ("lab", "test", "course"):
        _, plain = make(repository, "-n", target, *fresh, "CPU=")
        _, cpu = make(repository, "-n", target, *fresh, "CPU=1")
        assert "pip install" in plain and "index" not in plain
        assert f"--extra-index-url {CPU_INDEX}" in cpu


def fake_environment(folder):
    """An environment whose installer, linters and tests only write down that they were called."""
    (folder / "bin").mkdir(parents=True)
    log = folder / "log"
    for name in ("python", "pip", "ruff", "mypy", "tlcourse"):
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\necho "{name} $*" >> "{log}"\n', encoding="utf-8")
        script.chmod(0o755)
    return log


@pytest.mark.parametrize("switch", ["", "1"])
def test_a_second_call_does_not_install_again(repository, tmp_path, switch):
    log = fake_environment(tmp_path / "venv")
    arguments = (f"VENV={tmp_path / 'venv'}", f"CPU={switch}")
    for target in ("test", "test", "lab", "lab", "course"):
        status, shown = make(repository, target, *arguments)
        assert status == 0, shown
    # What CPU=1 installed serves a call without it, which must not need the network.
    assert make(repository, "lab", arguments[0], "CPU=")[0] == 0
    calls = log.read_text(encoding="utf-8")
    assert calls.count("pip install") == 1, calls
    assert calls.count("tlcourse lab") == 3


def test_a_changed_requirement_installs_again(repository, tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(repository / name, tmp_path)
    log = fake_environment(tmp_path / ".venv")
    assert make(tmp_path, "lab")[0] == 0
    stamp = tmp_path / ".venv" / ".lab"
    changed = stamp.stat().st_mtime + 5
    os.utime(tmp_path / "constraints.txt", (changed, changed))
    assert make(tmp_path, "lab")[0] == 0
    assert log.read_text(encoding="utf-8").count("pip install") == 2


def test_no_python_gives_advice(repository, tmp_path):
    status, shown = make(repository, "lab", f"VENV={tmp_path / 'v'}", "PYTHON=")
    assert status != 0 and "No Python 3.11 or newer" in shown
    status, shown = make(repository, "lab", f"VENV={tmp_path / 'v'}", "PYTHON=false")
    assert status != 0 and "older than 3.11" in shown


def test_workflows_call_what_the_readme_calls(repository):
    yaml = pytest.importorskip("yaml")
    readme = (repository / "README.md").read_text(encoding="utf-8")
    files = sorted((repository / ".github" / "workflows").glob("*.yml"))
    assert files
    for file in files:
        jobs = yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"]
        runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
        targets = {t for run in runs for t in re.findall(r"\bmake ([\w-]+)", run)}
        if any(".ci/run" in run for run in runs):
            ci = (repository / ".ci" / "run").read_text(encoding="utf-8")
            targets |= set(re.findall(r"^\s*make ([\w-]+)", ci, re.M))
        assert targets
        for target in targets:
            assert f"make {target}" in readme, f"{file.name}: the README does not name {target}"


def test_readme_lists_the_lessons_there_are(repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\(notebooks/(\d\d_\w+\.ipynb)\)", readme)
    there = sorted(path.name for path in (repository / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    assert listed == there, "list in README.md every lesson of notebooks/, in order"
