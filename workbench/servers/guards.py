"""What both servers insist on, whatever the user's own Jupyter configuration says."""

from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.auth.identity import PasswordIdentityProvider
from traitlets import default, validate

LOOPBACK = "127.0.0.1"


class OwnKernel(KernelSpecManager):
    """Knows one kernel, `python3`: the Python that runs the server, so that a notebook finds this very workbench.

    Kernels of that name in the user's folders or on JUPYTER_PATH belong to other environments.
    """

    @default("kernel_dirs")
    def _no_folders(self) -> list[str]:
        return []


class AlwaysToken(PasswordIdentityProvider):
    """A token is due: in place of an empty one, which turns authentication off, comes JUPYTER_TOKEN's or a random one."""

    @default("need_token")
    def _needed(self) -> bool:
        return True

    @validate("token")
    def _never_empty(self, proposal: Any) -> str:
        return str(proposal["value"] or self._token_default())
