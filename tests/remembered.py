"""What Flask's parts compile, compiled once per process: each test makes an application anew.

What is remembered knows nothing of the application: the functions that werkzeug makes of a rule's
text, and the code that Jinja makes of a template's. Together they cost more than all the rest.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
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


def remember() -> None:
    """From here on, for every application of this process."""
    Flask.url_rule_class = RememberedRule
    Flask.jinja_options = {"bytecode_cache": _templates}


_templates = RememberedTemplates()
