"""A control that takes files from the browser piece by piece.

ipywidgets' own sends a file in one message; Jupyter's server closes the connection at 10 MiB (tornado's limit), and nobody is told.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from workbench.errors import InputError
from workbench.ui.uploads import Incoming, UploadFolder, check_size

logger = logging.getLogger(__name__)
SCRIPT = Path(__file__).with_name("upload_control.js")


class UploadControl(anywidget.AnyWidget):
    """A button to choose files with, under a label; `status` says what became of the last ones.

    `paths` are the files of the last choice once all of them arrived, in a folder of their own below `runs/uploads`.
    """

    _esm = SCRIPT
    label = traitlets.Unicode().tag(sync=True)
    accept = traitlets.Unicode("").tag(sync=True)
    multiple = traitlets.Bool(False).tag(sync=True)
    status = traitlets.Unicode("").tag(sync=True)
    paths = traitlets.Tuple().tag(sync=False)

    def __init__(self, runs: Path, **options: Any) -> None:
        super().__init__(**options)
        self._runs = runs
        self._folder: UploadFolder | None = None
        self._incoming: Incoming | None = None
        self._arrived: list[Path] = []
        self.on_msg(self._answer)

    def take(self, name: str, data: bytes) -> None:
        """Take a whole file, as if it was chosen in the browser."""
        for message, buffers in (
            ({"kind": "begin", "name": name, "size": len(data), "first": True}, []),
            ({"kind": "piece"}, [data]),
            ({"kind": "end", "last": True}, []),
        ):
            self._answer(self, message, buffers)

    def _answer(self, _: Any, message: dict[str, Any], buffers: list[Any]) -> None:
        """Do what the browser asks for, and let it go on, or tell why not."""
        steps: dict[str, Callable[[dict[str, Any], list[Any]], None]] = {
            "begin": self._begin, "piece": self._piece, "end": self._end,
        }  # fmt: skip
        try:
            if step := steps.get(str(message.get("kind"))):
                step(message, buffers)
            self.send({"kind": "go_on"})
        except (InputError, OSError) as error:
            self._stop(str(error) if isinstance(error, InputError) else f"upload: {error.strerror}")

    def _begin(self, message: dict[str, Any], buffers: list[Any]) -> None:
        self._drop()
        if message.get("first") or self._folder is None:
            self._arrived = []
            self._folder = None
        name, size = str(message.get("name")), message.get("size")
        check_size(name, size if isinstance(size, int) else 0)
        self._folder = self._folder or UploadFolder.create(self._runs)
        self._incoming = self._folder.open(name)
        self.status = f"{self._incoming.path.name} ..."

    def _piece(self, message: dict[str, Any], buffers: list[Any]) -> None:
        if self._incoming is not None:
            for piece in buffers:
                self._incoming.write(piece)

    def _end(self, message: dict[str, Any], buffers: list[Any]) -> None:
        if self._incoming is None:
            return
        self._arrived.append(self._incoming.close())
        self._incoming = None
        self.status = "uploaded " + ", ".join(f"{path.name} ({path.stat().st_size:,} bytes)" for path in self._arrived)
        if message.get("last"):
            self.paths = tuple(self._arrived)

    def _stop(self, reason: str) -> None:
        logger.info(reason)
        self._drop()
        self.status = reason
        self.send({"kind": "stop"})

    def _drop(self) -> None:
        if self._incoming is not None:
            self._incoming.drop()
            self._incoming = None
