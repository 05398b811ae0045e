"""The exit codes of every command; the table of the reference page is made from this."""

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    GOOD = 0
    FAILED = 1
    BAD_INPUT = 2
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for the reference page."""
        return {
            ExitCode.GOOD: "everything that was asked for was done, and is as the recipe expects",
            ExitCode.FAILED: "a job failed, crashed or hung, a required row is not `ok`, an expectation or a `--fail-on` limit was not met",
            ExitCode.BAD_INPUT: "recipe, model, data, folder or argument cannot be used; one line says which and how to mend it",
            ExitCode.INTERRUPTED: "interrupted; the same command takes up where it stopped",
        }[self]
