"""The exit codes of every command."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's end means to the script that called it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNEXPECTED_OUTCOME = 3
    BAD_CONFIGURATION = 78
