"""What stands between the slashes of an address."""

from werkzeug.routing import IntegerConverter


class AsciiInteger(IntegerConverter):
    """A whole number in the digits of ASCII: others would be a second address of the same thing."""

    regex = r"[0-9]+"
