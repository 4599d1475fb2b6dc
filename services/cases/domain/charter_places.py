"""Where in a charter's text a field stands, so that a person finds what is wrong with it."""

import re

import yaml

from contracts.errors import FieldViolation

_PART = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def placed(text: str, violations: tuple[FieldViolation, ...]) -> tuple[FieldViolation, ...]:
    """The violations with the line of each, as far as the text can be read at all."""
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError):
        return violations
    return tuple(
        FieldViolation(each.field, f"line {_line(root, each.field)}: {each.description}") if root else each
        for each in violations
    )


def _line(root: yaml.Node, path: str) -> int:
    """The line, from 1, of a field, or of the closest thing around it that is there."""
    node = root
    line = root.start_mark.line
    for index, name in _PART.findall(path):
        if index and isinstance(node, yaml.SequenceNode) and int(index) < len(node.value):
            node = node.value[int(index)]
            line = node.start_mark.line
        elif name and isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == name), None)
            if found is None:
                break
            line = found[0].start_mark.line
            node = found[1]
        else:
            break
    return line + 1
