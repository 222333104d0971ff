"""The arguments of a task: which are its own and kept as JSON until it runs, and which are given by type when it does.

A class that the framework gives (`Run`, the plugin's config, …) or `@plugin.provides` is given. Everything else is an
argument of the task's own, checked against its annotation when the task is enqueued, and again when it is read.
"""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUndefinedAnnotation, PydanticUserError
from pydantic_core import ErrorDetails, PydanticSerializationError

from envoy_plugin.envoy.config import Config, Secret
from envoy_plugin.errors import BadArguments, DeclarationError
from envoy_plugin.injection.handlers import (
    Needs,
    can_be_provided,
    default_fault,
    form_fault,
    is_framework,
    place,
    read_hints,
    task_fault,
)

OWN_WORDS: Final = frozenset({"value_error", "assertion_error"})
"""Kinds of faults whose text the plugin's own validators write, maybe with the value in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of a task. `given`: the framework gives it. `is_json`: it could be kept as JSON."""

    form: inspect.Parameter
    hint: Any
    given: bool
    is_json: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return self.form.name


def read_parameters(
    function: Callable[..., object], config: type[Config] | None, *, taken: Collection[str] = ()
) -> tuple[Parameter, ...]:
    """What a task's parameters are, as far as that is known before the plugin is complete. `taken` names can't be had.

    Raises:
        DeclarationError: not an async function, or a parameter that can neither be given nor kept as JSON; a secret is
            never kept.
    """
    if not (inspect.isfunction(function) and inspect.iscoroutinefunction(function)):
        raise DeclarationError(f"{place(function)} must be an async function: async def.")
    hints = read_hints(function)
    parameters = inspect.signature(function).parameters.values()
    return tuple(_read(function, form, hints.get(form.name), config, taken) for form in parameters)


def _read(
    function: Callable[..., object],
    form: inspect.Parameter,
    hint: Any,
    config: type[Config] | None,
    taken: Collection[str],
) -> Parameter:
    given = isinstance(hint, type) and is_framework(hint) and not issubclass(hint, Secret)
    fault = form_fault(form)
    schema = None if fault or given else _schema_of(hint)
    if fault is None:
        fault = _given_fault(form, hint, config) if given else _own_fault(form, hint, schema, taken)
    if fault:
        raise DeclarationError(f"{place(function)}: parameter {form.name!r} {fault}.")
    return Parameter(form=form, hint=hint, given=given, is_json=schema is not None)


def _given_fault(form: inspect.Parameter, hint: type, config: type[Config] | None) -> str | None:
    fault = task_fault(hint, config)
    return f"asks for {hint.__name__}, but {fault}" if fault else default_fault(form)


def _own_fault(
    form: inspect.Parameter, hint: Any, schema: Mapping[str, Any] | None, taken: Collection[str]
) -> str | None:
    if form.name in taken:
        return "has the name of an option of enqueue; call it otherwise"
    if schema is None and not can_be_provided(hint):
        return "can't be kept as JSON"
    if _is_marked(schema):
        return "holds a secret, which is never kept with a job; ask for the config, which has it when the task runs"
    return None


def _is_marked(node: object) -> bool:
    """Whether there is a secret in a JSON schema: it is marked as what is written and never shown."""
    if isinstance(node, Mapping):
        return node.get("writeOnly") is True or any(map(_is_marked, node.values()))
    return isinstance(node, list) and any(map(_is_marked, node))


def _schema_of(hint: Any) -> Mapping[str, Any] | None:
    """The JSON schema of a type; None where it has none."""
    try:
        return TypeAdapter(hint).json_schema(mode="serialization")
    except (PydanticUserError, PydanticUndefinedAnnotation):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments of a task's own: from a call to JSON, and from JSON to a call."""

    name: str
    signature: inspect.Signature
    _model: type[BaseModel] = field(repr=False)

    @classmethod
    def of(cls, name: str, own: Sequence[Parameter]) -> "Arguments":
        """Those of the task `name`."""
        config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        fields: Any = {f"a{at}": (one.hint, _field_of(one)) for at, one in enumerate(own)}  # names of pydantic's apart
        model = create_model("Arguments", __config__=config, **fields)
        return cls(name=name, signature=inspect.Signature([one.form for one in own]), _model=model)

    def bind(self, args: Sequence[object], named: Mapping[str, object]) -> Mapping[str, object]:
        """The arguments of a call by name, without those that were left out.

        Raises:
            BadArguments: one is missing, or is not the task's.
        """
        try:
            return self.signature.bind(*args, **named).arguments
        except TypeError as error:
            raise BadArguments(f"{self.name} can't be enqueued: {error}.") from None

    def with_defaults(self, bound: Mapping[str, object]) -> Mapping[str, object]:
        """The same, with the defaults of those that were left out."""
        defaults = {name: one.default for name, one in self.signature.parameters.items()}
        return {**defaults, **bound}

    def encode(self, bound: Mapping[str, object]) -> bytes:
        """These arguments as JSON.

        Raises:
            BadArguments: one isn't what its annotation says, or would come back from JSON as another value.
        """
        try:
            checked = self._model.model_validate(bound, strict=True)
        except ValidationError as error:
            faults = "; ".join(map(_told, error.errors(include_url=False, include_context=False, include_input=False)))
            raise BadArguments(f"{self.name} can't be enqueued: {faults}.") from None
        try:
            content = checked.model_dump_json(by_alias=True, exclude_unset=True, warnings="error").encode()
            same = self._model.model_validate_json(content) == checked
        except (PydanticSerializationError, ValueError):
            same = False
        if not same:
            raise BadArguments(
                f"{self.name} can't be enqueued: an argument would come back from JSON as another value; annotate it"
                " with a type that JSON can hold."
            )
        return content

    def decode(self, content: bytes) -> dict[str, object]:
        """The arguments by name; those that were left out have the function's own defaults.

        Raises:
            ValueError: this release's function doesn't take these arguments.
        """
        read = self._model.model_validate_json(content)
        names = dict(zip(self._model.model_fields, self.signature.parameters, strict=True))
        return {names[place]: getattr(read, place) for place in read.model_fields_set}


def _field_of(parameter: Parameter) -> Any:
    required = parameter.form.default is parameter.form.empty
    return Field(alias=parameter.name) if required else Field(None, alias=parameter.name)


def _told(fault: ErrorDetails) -> str:
    """Which argument it is, and what is wrong, never the value."""
    what = "is refused" if fault["type"] in OWN_WORDS else fault["msg"]
    return f"{fault['loc'][0]}: {what}"


def split(
    function: Callable[..., object], parameters: Sequence[Parameter], provided: Collection[type]
) -> tuple[Sequence[Parameter], Needs]:
    """The parameters that are arguments of a task's own, and what the others ask for, once the plugin is complete.

    Raises:
        DeclarationError: one is of a class that nothing provides and that can't be kept as JSON, or has a default that
            would never be used.
    """
    needs = [one for one in parameters if one.given or (can_be_provided(one.hint) and one.hint in provided)]
    own = [one for one in parameters if one not in needs]
    for one in own:
        if not one.is_json:
            raise DeclarationError(
                f"{place(function)}: parameter {one.name!r} asks for {one.hint.__name__}, which nothing provides, and"
                " which can't be kept as JSON."
            )
    for one in needs:
        if fault := default_fault(one.form):
            raise DeclarationError(f"{place(function)}: parameter {one.name!r} {fault}.")
    return own, tuple((one.name, one.hint) for one in needs)
