"""Other scripts than those in the package: their text with some of it replaced, for one test."""

from functools import cache

import pytest

from envoy_plugin.engine import scripts


def patch_lua(monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str) -> None:
    """Run `file`.lua with `new` in the place of `old`, which must be there exactly once."""
    read = scripts._lua

    def read_patched(name: str) -> str:
        text = read(name)
        if name == file:
            assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}.lua"
        return text.replace(old, new) if name == file else text

    read_patched(file)
    monkeypatch.setattr(scripts, "_lua", read_patched)
    monkeypatch.setattr(scripts, "script_of", cache(scripts.script_of.__wrapped__))
