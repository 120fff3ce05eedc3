"""`noctis demo`: serve a synthetic archive, filled over the loopback as modalities would."""

from __future__ import annotations

import contextlib
import functools
import itertools
import queue
import shutil
import tempfile
import threading
import webbrowser
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer
from tqdm import tqdm

from noctis_lab.cli.options import Port, Root, opened_settings, outer_door
from noctis_lab.cli.services import DicomPort, serve_archive, token_command
from noctis_lab.cli.supervisor import Address
from noctis_lab.config import DEMO_ROOT, Settings, local_address
from noctis_lab.errors import SendFailed

if TYPE_CHECKING:
    from noctis_lab.ingest.scu import Sent
    from noctis_lab.synthetic.demo import DemoSeries

__all__ = ["register"]

_LOOK_S = 0.1  #: how often a wait looks whether it is to end
_IMAGES_AN_ASSOCIATION = 20  #: between two associations it can end without aborting one


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    root: Root = None,
    port: Port = None,
    dicom_port: DicomPort = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
) -> None:
    """Serve a synthetic archive of CT, MR, PET, US and CR in ~/noctis-demo, and open its page.

    The images are drawn on this machine and pushed over the loopback as modalities would; a
    second start pushes only what is missing.
    """
    settings = opened_settings(root=root or DEMO_ROOT, port=port, dicom_port=dicom_port)
    if "log_level" not in settings.model_fields_set:
        # A line an image would tear the progress bar apart.
        settings = settings.model_copy(update={"log_level": "WARNING"})
    with outer_door():
        serve_archive(settings, beside=functools.partial(_fill, settings, no_browser))


def _fill(
    settings: Settings,
    no_browser: bool,
    ready: Future[tuple[Address, str]],
    stopping: threading.Event,
) -> None:
    """Draw while the services start; once they are ready, open the page and push."""
    with (
        tempfile.TemporaryDirectory(prefix="noctis-demo-") as name,
        _Drawing(settings, Path(name)) as drawing,
        contextlib.suppress(CancelledError),
    ):
        receiver, url = ready.result()
        if not no_browser:
            # In a thread of its own: some browsers end only when they are closed.
            threading.Thread(target=_open_browser, args=(url, Path(name)), daemon=True).start()
        if _push(settings, receiver, drawing, stopping):
            count = drawing.instance_count
            filled = f"Filled: {count} images." if count else "Nothing of the demo was missing."
            page = url.partition("/login?")[0]
            print(f"{filled} The page is at {page}; {token_command(settings)} prints another "
                  "address that signs in.", flush=True)  # fmt: skip


def _missing(settings: Settings) -> list[DemoSeries]:
    from noctis_lab.catalog.store import open_catalog
    from noctis_lab.synthetic.demo import missing_series

    settings.root.mkdir(parents=True, exist_ok=True)
    with open_catalog(settings.root, may_migrate=True) as catalog:
        return missing_series(lambda uid: catalog.find_instance(uid, withheld=True) is not None)


class _Drawing:
    """What the archive lacks, drawn to files while the services start, and handed out in order.

    Parameters
    ----------
    settings
        Of the archive.
    folder
        Gets a folder for each series, which whoever took it removes.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        #: How many instances are to come; known when the first series is handed out.
        self.instance_count = 0
        self._settings = settings
        self._folder = folder
        self._ended = threading.Event()
        self._done: queue.Queue[tuple[DemoSeries, list[Path]] | None] = queue.Queue()
        self._executor = ThreadPoolExecutor(1, "noctis-drawing")
        self._work = self._executor.submit(self._draw)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._executor.shutdown()

    def take(self, stopping: threading.Event) -> tuple[DemoSeries, list[Path]] | None:
        """Wait for the next series; None at the end, or where it is to stop."""
        while not stopping.is_set():
            try:
                done = self._done.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if done is None:
                self._work.result()  # raises what ended it early
            return done
        return None

    def _draw(self) -> None:
        from noctis_lab.synthetic.demo import iter_made

        try:
            missing = _missing(self._settings)
            self.instance_count = sum(series.instance_count for series in missing)
            for number, (series, instances) in enumerate(iter_made(missing)):
                folder = self._folder / f"{number:03d}"
                folder.mkdir()
                paths = []
                for index, instance in enumerate(instances):
                    if self._ended.is_set():
                        return
                    paths.append(folder / f"{index:05d}.dcm")
                    instance.save_as(paths[-1], enforce_file_format=True)
                self._done.put((series, paths))
        finally:
            self._done.put(None)


def _push(
    settings: Settings, receiver: Address, drawing: _Drawing, stopping: threading.Event
) -> bool:
    """Push what is drawn, each series under its modality's AE title; False where it was stopped."""
    from noctis_lab.ingest.scu import send

    done = drawing.take(stopping)
    if done is None:
        return not stopping.is_set()
    failed: list[Sent] = []
    with tqdm(
        total=drawing.instance_count, desc="filling the demo", unit=" images", mininterval=0.1
    ) as bar:
        while done is not None:
            series, paths = done
            for batch in itertools.batched(paths, _IMAGES_AN_ASSOCIATION):
                if stopping.is_set():
                    return False
                report = send(
                    batch,
                    host=local_address(receiver.host),
                    port=receiver.port,
                    called_aet=settings.dicom_aet,
                    calling_aet=series.calling_aet,
                    progress=lambda _: bar.update(),
                )
                failed += report.failed
            shutil.rmtree(paths[0].parent)
            done = drawing.take(stopping)
    if failed:
        raise SendFailed(
            f"{len(failed)} of {drawing.instance_count} demo images were not stored; "
            f"the first: {failed[0].reason}"
        )
    return not stopping.is_set()


def _open_browser(url: str, folder: Path) -> None:
    """Open an address by a page that leads there: arguments of a process are for all to see."""
    page = folder / "open.html"
    page.touch(mode=0o600)
    page.write_text(f'<meta http-equiv="refresh" content="0; url={url}">', encoding="ascii")
    if not webbrowser.open(page.as_uri()):
        tqdm.write("No browser could be opened: open the address of the page above in one.")
