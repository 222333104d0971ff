"""Declarations of workflows: their templates, and the functions that do their steps."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from envoy_plugin.declarations.tasks import BACKGROUND_TIMEOUT, TaskDeclarations
from envoy_plugin.envoy.config import Config
from envoy_plugin.envoy.user_api import EnvoyUserAPI
from envoy_plugin.errors import BadDiagram, DeclarationError
from envoy_plugin.injection.handlers import (
    ALWAYS_HAD,
    PAYLOAD_MODELS,
    Function,
    Needs,
    config_fault,
    is_framework,
    is_of_an_api,
    place,
    read_needs,
)
from envoy_plugin.outcomes import Outcome
from envoy_plugin.run import Run
from envoy_plugin.tasks.task import GOOD_NAME
from envoy_plugin.workflows.definitions.checks import check
from envoy_plugin.workflows.definitions.templates import Template
from envoy_plugin.workflows.handles import WorkflowHandle

StepFunction = TypeVar("StepFunction", bound=Callable[..., Coroutine[Any, Any, Mapping[str, Any] | Outcome | None]])


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHandler:
    """A function that does steps, what it asks for, and how long it may take."""

    name: str
    function: Function
    needs: Needs
    timeout: timedelta

    def __str__(self) -> str:
        """Where the function was written."""
        return place(self.function)


class StepDeclarations(TaskDeclarations):
    """What `Routes` knows of workflows."""

    def __init__(self, config: type[Config] | None) -> None:
        """Begin without any."""
        super().__init__(config)
        self._steps: dict[str, StepHandler] = {}
        self._templates: dict[str, Template] = {}
        self.steps: Mapping[str, StepHandler] = MappingProxyType(self._steps)
        self.templates: Mapping[str, Template] = MappingProxyType(self._templates)

    def step(self, name: str, *, timeout: timedelta = BACKGROUND_TIMEOUT) -> Callable[[StepFunction], StepFunction]:
        """Let the decorated function do steps of workflows that name it: `Step.function("badge", "print_badge")`.

        It may ask for what a background handler may: of the event, where one started the workflow; and for a
        `WorkflowHandle`, the workflow at hand. A dict that it returns is the step's `result`, by which paths decide.
        How often it is tried again is the step's to say. `timeout` ends one attempt, after 5 min.

        Raises:
            DeclarationError: the name is had already, or the options or the function's parameters make no sense.
        """
        if callable(name):
            raise DeclarationError('step takes a name, as in @plugin.step("print_badge"), not a function.')
        if not isinstance(timeout, timedelta) or timeout <= timedelta(0):
            raise DeclarationError(f"The timeout of the step {name!r} must be a timedelta above zero, not {timeout!r}.")

        def register(function: StepFunction) -> StepFunction:
            self._check_open(function)
            if not isinstance(name, str) or not GOOD_NAME.fullmatch(name):
                raise DeclarationError(
                    f"{place(function)}: a step's name is 1 to 64 of A-Z, a-z, 0-9 and _ . -, not {name!r}."
                )
            needs = read_needs(function)
            self._check_step_needs(function, needs)
            self._add_step(StepHandler(name=name, function=function, needs=needs, timeout=timeout))
            return function

        return register

    def workflow(self, template: Template) -> Template:
        """Let workflows be made from this template, in every install.

        Raises:
            DeclarationError: it is no template, or there is one of this id already.
        """
        if not isinstance(template, Template):
            raise DeclarationError(f"workflow takes a template, as of Template.of, not a {type(template).__name__}.")
        if self._closed:
            raise DeclarationError(f"Workflow {template.id!r} is declared after its routes were included in a plugin.")
        if template.id in self._templates:
            raise DeclarationError(f"There are two workflows {template.id!r}.")
        self._templates[template.id] = template
        return template

    def check_workflows(self) -> list[str]:
        """What is wrong with the templates, now that all functions are known."""
        faults: list[str] = []
        for template in self.templates.values():
            try:
                if template.diagram is not None:
                    check(template.diagram, self.steps)
            except BadDiagram as error:
                faults += [f"Workflow {template.id!r}: {fault}" for fault in error.faults]
        return faults

    def _include_steps(self, others: "StepDeclarations") -> None:
        for step in others.steps.values():
            self._add_step(step)
        for template in others.templates.values():
            self.workflow(template)

    def _add_step(self, step: StepHandler) -> None:
        other = self._steps.get(step.name)
        if other is not None:
            raise DeclarationError(f"There are two functions for the step {step.name!r}, {other} and {step}.")
        self._steps[step.name] = step

    def _check_step_needs(self, function: Function, needs: Needs) -> None:
        for parameter, wanted in needs:
            fault = _fault(wanted, self.config)
            if fault:
                raise DeclarationError(
                    f"{place(function)}: parameter {parameter!r} asks for {wanted.__name__}, but {fault}."
                )


def _fault(wanted: type, config: type[Config] | None) -> str | None:
    """Why a step's function can't be given this; None: it can, as far as is known now."""
    if issubclass(wanted, Config):
        return config_fault(wanted, config)
    if wanted is EnvoyUserAPI:
        return "a step acts for no user; ask for EnvoyPluginAPI"
    had = wanted in {Run, WorkflowHandle} or wanted in ALWAYS_HAD or wanted in PAYLOAD_MODELS or is_of_an_api(wanted)
    return None if had or not is_framework(wanted) else "that is nothing a step is given"
