"""What libraries compile, compiled once per process: each test makes an application anew.

What is remembered knows nothing of the application: the functions that werkzeug makes of a rule's
text, the code that Jinja makes of a template's, and the SQL that SQLAlchemy makes of a statement.
Together they cost more than all the rest.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.engine import Connection, Engine
from werkzeug.routing import Rule

_Builder = Callable[..., tuple[str, str]]
_builders: dict[tuple[Any, ...], _Builder] = {}


class RememberedRule(Rule):
    """werkzeug's own, with its function kept for the next rule of the same text."""

    def _compile_builder(self, append_unknown: bool = True) -> _Builder:
        text = (self.rule, tuple(self._trace), repr(self.defaults), append_unknown)
        if text not in _builders:
            _builders[text] = super()._compile_builder(append_unknown)
        return _builders[text]


class RememberedTemplates(BytecodeCache):
    """Jinja's own cache, in memory: by the template's name and the hash of its source."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


class RememberedStatements(dict[tuple[Any, ...], Any]):
    """SQLAlchemy's cache of compiled statements: by kind of database, whichever engine it is.

    The keys that SQLAlchemy makes begin with the dialect, which each engine has its own of.
    """

    def __init__(self, dialect: sa.Dialect) -> None:
        super().__init__()
        self._dialect = dialect

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        return super().get((self._dialect, *key[1:]), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__((self._dialect, *key[1:]), compiled)


def remember() -> None:
    """From here on, for every application of this process."""
    Flask.url_rule_class = RememberedRule
    Flask.jinja_options = {"bytecode_cache": _templates}
    if not sa.event.contains(Engine, "engine_connect", _remember_statements):
        sa.event.listen(Engine, "engine_connect", _remember_statements)


def _remember_statements(connection: Connection) -> None:
    name = connection.dialect.name
    if name not in _statements:
        _statements[name] = RememberedStatements(connection.dialect)
    connection.execution_options(compiled_cache=_statements[name])


_templates = RememberedTemplates()
_statements: dict[str, RememberedStatements] = {}
