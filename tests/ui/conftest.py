"""Every test of a view starts where no callback has raised yet."""

from collections.abc import Iterator

import pytest

from workbench import callbacks


@pytest.fixture(autouse=True)
def _nothing_raised() -> Iterator[None]:
    callbacks.forget()
    yield
    callbacks.forget()
