"""Options that several commands have together: declared once, and handed to a command as one value."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TypeAlias

Command: TypeAlias = Callable[..., None]


def taking(**makers: Callable[..., object]) -> Callable[[Command], Command]:
    """Let a command have the options of these functions; what each makes of them is the parameter of its name.

    The parameters of a function are options as typer reads them, and none is called like one of the command's.
    """

    def give(command: Command) -> Command:
        options = {name: inspect.signature(make).parameters for name, make in makers.items()}

        @wraps(command)
        def with_options(**given: object) -> None:
            made = {name: makers[name](**{each: given.pop(each) for each in options[name]}) for name in makers}
            command(**given, **made)

        own = [each for each in inspect.signature(command).parameters.values() if each.name not in makers]
        taken = [each for name in makers for each in options[name].values()]
        with_options.__signature__ = inspect.Signature(own + taken)  # type: ignore[attr-defined]  # what typer reads
        return with_options

    return give
