"""The chart in the docs is that of the table."""

from docs.generate_state_machine import PAGE, ROWS, document
from envoy_plugin.engine.states import FROM


def test_the_page_is_what_the_table_makes_of_it() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "run `python docs/generate_state_machine.py`"


def test_the_page_shows_every_verb_of_the_table() -> None:
    assert {row.verb: row.origin for row in ROWS if row.verb in FROM} == FROM
