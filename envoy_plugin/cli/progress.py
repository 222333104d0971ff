"""What a command says while it takes long: a line on standard error, where that is a terminal."""

import sys


def on_a_terminal() -> bool:
    """Whether somebody looks."""
    return sys.stderr.isatty()


class Progress:
    """How many of `total` are done, and what is waited for; `silent`, or where nobody looks, it says nothing."""

    def __init__(self, total: int, *, silent: bool = False) -> None:
        self._total = total
        self._done = 0
        self._shown = not silent and on_a_terminal()

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        if self._total > 1:
            self._write(f"{self._done} of {self._total}")

    def say(self, text: str) -> None:
        """What happens now."""
        self._write(text)

    def end(self) -> None:
        """Clear the line."""
        self._write("")

    def _write(self, text: str) -> None:
        if self._shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
