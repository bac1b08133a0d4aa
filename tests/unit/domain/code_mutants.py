"""The code of the rules with one sentence broken, many times over.

Each is a small change of a module's text, put in the place of the code while it lasts: functions
keep their identity, so whoever imported one gets the broken one. What is changed must stand there
exactly once: a mutant of a sentence that was rewritten says so, and does not change nothing.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from consent_service.domain.kernel import calendar, validity

PACKAGE = "consent_service"


@dataclass(frozen=True)
class CodeMutant:
    """A sentence of the rules, and the change of a module's text that breaks it."""

    rule: str
    breaks: str
    module: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.rule} {self.breaks}"

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module with this change, and afterwards as it was."""
        module = importlib.import_module(f"{PACKAGE}.{self.module}")
        before, after = _Code.of(module), _Code.of(self._changed(module))
        _put(module, after)
        try:
            yield
        finally:
            _put(module, before)

    def _changed(self, module: ModuleType) -> ModuleType:
        path = Path(str(module.__file__))
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self}: not once, but {text.count(self.old)} times in {path.name}")
        changed = ModuleType(module.__name__)
        exec(compile(text.replace(self.old, self.new), path, "exec"), vars(changed))
        return changed


@dataclass(frozen=True)
class _Code:
    """What a module's functions do, by name, and its numbers and sets of words."""

    functions: dict[str, CodeType]
    constants: dict[str, object]

    @classmethod
    def of(cls, module: ModuleType) -> "_Code":
        functions = {name: one.__code__ for name, one in _functions(module)}
        constants = {
            name: value
            for name, value in vars(module).items()
            if isinstance(value, int | timedelta | frozenset)
        }
        return cls(functions, constants)


def _put(module: ModuleType, code: _Code) -> None:
    for name, function in _functions(module):
        function.__code__ = code.functions[name]
    vars(module).update(code.constants)
    for remembering in (
        calendar.child_reaches,
        calendar.parents_released,
        validity.expiry,
        validity.parse_validity,
    ):
        remembering.cache_clear()


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Every function and method written in a module."""
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        members = vars(value).items() if isinstance(value, type) else [("", value)]
        for member, one in members:
            function = getattr(one, "fget", None) or getattr(one, "__func__", None)
            function = function or getattr(one, "__wrapped__", one)
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                yield f"{name}.{member}", function
