"""A plain `jupyter lab` in the environment that the package is installed in: Voila's part in it is off."""

import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from jupyter_server.extension.config import ExtensionConfigManager
from jupyter_server.services.config import ConfigManager

ROOT = Path(__file__).parents[2]
SERVER = Path("etc/jupyter/jupyter_server_config.d")


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Jupyter's configuration of an environment with Voila and, as the wheel installs it, the package."""
    (tmp_path / SERVER).mkdir(parents=True)
    shutil.copy(Path(sys.prefix) / SERVER / "voila.json", tmp_path / SERVER)
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["shared-data"].items():
        (tmp_path / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / source, tmp_path / target)
    return tmp_path / "etc" / "jupyter"


def test_plain_server_leaves_voila_out_when_the_package_is_installed(installed: Path) -> None:
    found = ExtensionConfigManager(read_config_path=[str(installed)], write_config_dir="")
    assert found.get_jpserver_extensions() == {"voila.server_extension": False}


def test_plain_page_has_no_button_of_voila_when_the_package_is_installed(installed: Path) -> None:
    found = ConfigManager(
        config_dir_name="labconfig", read_config_path=[str(installed / "labconfig")], write_config_dir=""
    )
    assert found.get("page_config") == {"disabledExtensions": {"@voila-dashboards/jupyterlab-preview": True}}
