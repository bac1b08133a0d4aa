"""What stands between the slashes of an address."""

from werkzeug import routing


class IntegerConverter(routing.IntegerConverter):
    """A whole number in the digits of ASCII: others would be a second address of the same thing."""

    regex = r"[0-9]+"
