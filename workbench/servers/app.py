"""The explorer as a read-only web page on finished runs: `python -m workbench.servers.app [options of voila]`.

Voilà runs one notebook of ours for each visitor, shows what its cells show, and passes on what the visitor does to the widgets
of that page. It executes no code that a browser sends.
"""

import sys
from pathlib import Path
from typing import Any

from voila.app import Voila

from workbench.servers.guards import LOOPBACK

PAGE = Path(__file__).with_name("explorer.ipynb")
IDLE_S = 900
# The page's own scripts, styles, pictures and web socket, and nothing from elsewhere: Voilà's template asks a CDN for icons.
CONTENT_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data:; frame-ancestors 'self'"
)


class Explorer(Voila):  # type: ignore[misc]
    """Voilà, whose pages ask no other server for anything."""

    def init_settings(self) -> dict[str, Any]:
        """Settings of the web application."""
        return {**super().init_settings(), "headers": {"Content-Security-Policy": CONTENT_POLICY}}


def arguments(extra: list[str], *, page: Path = PAGE) -> list[str]:
    """The command line of Voilà: the user's own options, then those that are not theirs to change."""
    fixed = {
        "Voila.ip": LOOPBACK,
        "Voila.auto_token": "True",
        "Voila.identity_provider_class": "workbench.servers.guards.AlwaysToken",
        "VoilaConfiguration.kernel_spec_manager_class": "workbench.servers.guards.OwnKernel",
        "VoilaConfiguration.strip_sources": "True",
        "VoilaConfiguration.show_tracebacks": "False",
        "VoilaConfiguration.allow_template_override": "NO",
        # Matches nothing: no file beside the page is handed out, pictures neither.
        "VoilaConfiguration.file_allowlist": "(?!)",
        # A visitor who closed the page without saying so.
        "MappingKernelManager.cull_idle_timeout": str(IDLE_S),
        "MappingKernelManager.cull_interval": "60",
    }
    return [*extra, *(f"--{name}={value}" for name, value in fixed.items()), str(page)]


def main() -> None:
    """Start it, and the browser if there is one."""
    Explorer.launch_instance(arguments(sys.argv[1:]))


if __name__ == "__main__":
    main()
