"""Which failed tests may be run once more, alone: those that wait for processes and browsers.

Run after pytest, in the repository's folder; prints their node ids, one a line. Where anything else
failed, or too many did, it says so on stderr and ends with 1: that is red.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FAILED = Path(".pytest_cache/v/cache/lastfailed")
#: They start a dozen processes and a browser: on a busy machine one may come too late once.
MAY_BE_LATE = ("tests/browser/", "tests/journeys/", "tests/docs/")
MOST = 3


def main() -> int:
    """Print what may be run again."""
    try:
        failed = sorted(json.loads(FAILED.read_bytes()))
    except (OSError, ValueError):
        failed = []
    others = [test for test in failed if not test.startswith(MAY_BE_LATE)]
    if not failed:
        print("pytest failed, but no test did: nothing is run again", file=sys.stderr)
    elif others:
        print(f"not run again, since it waits for nobody: {', '.join(others)}", file=sys.stderr)
    elif len(failed) > MOST:
        print(f"{len(failed)} tests failed; at most {MOST} are run again", file=sys.stderr)
    else:
        print("\n".join(failed))
        return 0
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
