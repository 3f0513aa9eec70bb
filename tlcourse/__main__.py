"""``python -m tlcourse`` is the same as ``tlcourse``."""

import sys

from .app.cli import main

if __name__ == "__main__":
    sys.exit(main())
