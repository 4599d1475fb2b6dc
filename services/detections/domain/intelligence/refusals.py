"""Why an object of an import is not used. The names stay: whoever feeds us acts on them."""

from enum import StrEnum


class Refusal(StrEnum):
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    IDENTIFIER_INVALID = "IDENTIFIER_INVALID"
    FIELDS_INVALID = "FIELDS_INVALID"
    TIMES_INVALID = "TIMES_INVALID"
    DUPLICATE_IDENTIFIER = "DUPLICATE_IDENTIFIER"
    """The same identifier and version came with other content before."""
    LABEL_UNKNOWN = "LABEL_UNKNOWN"
    """It is marked by something that neither the content nor TLP defines, so nobody knows who may see it."""
    PATTERN_LANGUAGE_UNSUPPORTED = "PATTERN_LANGUAGE_UNSUPPORTED"
    PATTERN_TOO_LARGE = "PATTERN_TOO_LARGE"
    PATTERN_UNREADABLE = "PATTERN_UNREADABLE"
    PATTERN_NOT_SIMPLE = "PATTERN_NOT_SIMPLE"
    """It joins several observations, or qualifies them by time or count."""
    OPERATOR_UNSUPPORTED = "OPERATOR_UNSUPPORTED"
    OBSERVABLE_UNSUPPORTED = "OBSERVABLE_UNSUPPORTED"
    VALUE_INVALID = "VALUE_INVALID"
    """It is no such value: a hash of a length that no hash has, an address that is none."""
    EXPRESSION_TOO_COSTLY = "EXPRESSION_TOO_COSTLY"
    """On a text of an attacker's choice it could take very long."""
    TOO_MANY_EXPRESSIONS = "TOO_MANY_EXPRESSIONS"
    TOO_MANY_USES = "TOO_MANY_USES"
    """It says that somebody uses a technique, and as many uses as are kept were said already."""


class Refused(Exception):
    """Raised while one object is read; carries the reason."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason
