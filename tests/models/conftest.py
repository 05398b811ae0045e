"""Every small network of assets/cleanup_nets.py, cleaned once."""

from typing import Any

import pytest


@pytest.fixture(scope="session")
def cleaned(run_native: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """By network: the facts of its clean-up, operators before and after, and the outputs' difference on another input."""
    outcome = run_native("cleanup_nets:clean_nets", folder=tmp_path_factory.mktemp("nets"))
    assert outcome.status == "ok", outcome.reason
    return outcome.value
