"""The documentation's walks, taken as they stand there; and the site, built without a warning."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import noctis_lab
from noctis_lab.config import DEMO_ROOT

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs"
#: Pages whose blocks are run; the dashboard's is a browser's too: tests/browser/test_tutorial.py.
WALKS = (
    "how-to/doses-segments-contours.md",
    "how-to/real-world-values.md",
    "how-to/upload-by-script.md",
    "reference/control-charts.md",
    "tutorials/dashboard.md",
    "tutorials/modality.md",
    "tutorials/notebook.md",
    "tutorials/script.md",
)
#: Pages for people who have the demo already: it is made once for all of them.
WITH_DEMO = (
    "how-to/calibrate.md",
    "how-to/measure.md",
    "how-to/plot.md",
    "how-to/reslice.md",
    "how-to/see-volumes.md",
    "how-to/suv.md",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make the demo's archive."""
    root = tmp_path_factory.mktemp("home") / DEMO_ROOT.name
    noctis_lab.demo(root, progress=False).close()
    yield root
    shutil.rmtree(root)


def apart(require_program: Callable[[str], str], *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as root of namespaces of its own: all ports are free there."""
    unshare = require_program("unshare")
    require_program("ip")
    return subprocess.run(
        [unshare, "--map-root-user", "--net", *command],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def goes(require_program: Callable[[str], str], page: Path, *more: Path) -> int:
    """Walk a page to its end; returns how many of its blocks were run."""
    walk = [sys.executable, "-m", "tests.docs.walk", str(page), *map(str, more)]
    walked = apart(require_program, *walk)
    assert walked.returncode == 0, walked.stdout + walked.stderr
    return int(walked.stdout.split()[-2])


@pytest.mark.parametrize("page", WALKS)
def test_the_walk_goes_as_the_page_says(page: str, require_program: Callable[[str], str]) -> None:
    for program in ("echoscu", "storescu"):
        require_program(program)
    assert goes(require_program, DOCS / page) >= 1


@pytest.mark.parametrize("page", WITH_DEMO)
def test_a_walk_through_the_demo_goes_as_the_page_says(
    page: str, demo: Path, require_program: Callable[[str], str]
) -> None:
    assert goes(require_program, DOCS / page, demo) >= 1


def test_the_readmes_notebook_runs_cell_by_cell(
    tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Ten minutes in a notebook")[2].partition("\n## ")[0]
    page = tmp_path / "page.md"
    page.write_text(section, encoding="utf-8")
    assert goes(require_program, page) == 4


def test_the_readmes_script_tells_of_each_series(
    tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    """One series is loaded, and one whose images share a place is refused by name."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## Ten minutes with a script")[2].partition("\n## ")[0]
    page = tmp_path / "page.md"
    shared = "[(0.0, 0.0, z) for z in (0.0, 2.0, 2.0, 4.0)]"
    made = (
        "```python\nfrom pathlib import Path\n"
        "from noctis_lab.synthetic import ct_series, write_series\n"
        'made = {"rows": 8, "columns": 8, "elements": {"KVP": 120}}\n'
        f"twice = ct_series(planes=4, positions_mm={shared}, seed='twice', **made)\n"
        "for planes in (ct_series(planes=5, **made), twice):\n"
        '    write_series(planes, Path("in", planes[0].SeriesInstanceUID))\n```\n'
    )
    text = made + section.replace("/data/trial", "in")
    before, fence, after = text.rpartition("```python")
    block, end, rest = after.partition("```\n")
    said = "```text\n…(5, 8, 8) HU…\n```\n"
    page.write_text(before + fence + block + end + said + rest, encoding="utf-8")
    assert goes(require_program, page) == 3


def test_a_page_that_says_something_else_is_found_out(
    tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\necho one\n```\n\n```text\ntwo\n```\n")
    walked = apart(require_program, sys.executable, "-m", "tests.docs.walk", str(page))
    assert walked.returncode != 0
    assert "page.md:5" in walked.stderr


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(DOCS), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    pages = "".join(page.read_text() for page in tmp_path.rglob("*.html"))
    for written in ("noctis sender approve", "NOCTIS_QUIET_S", "slice_spacing_mm"):
        assert written in pages
    assert "cdn." not in pages
