"""A button that puts text on the clipboard of whoever looks, whichever machine the kernel runs on."""

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

# The text is asked for only when the button is pressed, and shown by the view too: a browser may refuse its clipboard.
SCRIPT = """
export default {
  render({ model, el }) {
    const button = document.createElement("button");
    button.className = "jupyter-button widget-button";
    button.textContent = model.get("label");
    button.style.margin = "2px";
    button.title = model.get("explained");
    button.addEventListener("click", () => model.send({ kind: "asked" }));
    model.on("msg:custom", async (message) => {
      if (message.kind !== "text") return;
      try {
        await navigator.clipboard.writeText(message.text);
        button.textContent = "Copied";
      } catch (error) {
        button.textContent = "Copy it from below";
      }
      setTimeout(() => { button.textContent = model.get("label"); }, 2000);
    });
    el.appendChild(button);
  },
};
"""


class CopyButton(anywidget.AnyWidget):
    """A button that copies what `text()` gives when it is pressed."""

    _esm = SCRIPT
    label = traitlets.Unicode().tag(sync=True)
    explained = traitlets.Unicode().tag(sync=True)

    def __init__(self, label: str, explained: str, text: Callable[[], str | None]) -> None:
        super().__init__(label=label, explained=explained)
        self._text = text
        self.on_msg(self._asked)

    def _asked(self, widget: Any, content: dict[str, Any], buffers: Any) -> None:
        text = self._text()
        if content.get("kind") == "asked" and text is not None:
            self.send({"kind": "text", "text": text})
