"""Flask's rules for addresses, compiled once per process: each test makes an application anew.

What is remembered is the function that werkzeug makes of a rule's text, which knows nothing of the
application: half of what it costs to make one.
"""

from collections.abc import Callable
from typing import Any

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
