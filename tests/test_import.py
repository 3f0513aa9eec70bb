import subprocess
import sys

import tlcourse as tl


def test_importing_the_package_does_not_wait_for_pytorch():
    code = "import sys, tlcourse; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_every_public_name_is_there_and_documented():
    for name in tl.__all__:
        value = getattr(tl, name)
        assert name == "__version__" or value.__doc__, name
    assert not hasattr(tl, "no_such_name")
