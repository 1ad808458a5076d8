"""``python -m tinct`` is the same as ``tinct``."""

from __future__ import annotations

import sys

from tinct.apps.cli import main

if __name__ == "__main__":
    sys.exit(main())
