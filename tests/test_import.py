import subprocess
import sys
import tomllib
from fnmatch import fnmatch

import tlcourse as tl


def test_importing_the_package_does_not_wait_for_pytorch():
    code = "import sys, tlcourse; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_public_name_is_there_and_documented():
    for name in tl.__all__:
        value = getattr(tl, name)
        assert name == "__version__" or value.__doc__, name
    assert not hasattr(tl, "no_such_name")


def test_type_checkers_see_the_public_names(repository):
    # `__init__.pyi` and `py.typed` have to be installed with the package, or nothing has a name.
    patterns = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    data = patterns["tool"]["setuptools"]["package-data"]["tlcourse"]
    for name in ("__init__.pyi", "py.typed"):
        assert (repository / "tlcourse" / name).is_file()
        assert any(fnmatch(name, pattern) for pattern in data), name


def test_benchmarks_go_with_the_package(repository):
    command = [sys.executable, "-m", "benchmarks", "--help"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
