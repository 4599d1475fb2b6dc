"""The number that a window is judged by, for each kind of correlation, over the values in it."""

import math
import operator
import statistics
from collections.abc import Callable, Sequence

from services.detections.domain.correlation.rules import Comparison, CompiledCorrelation, Kind, Operator

_OPERATORS: dict[Operator, Callable[[float, float], bool]] = {
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
    Operator.EQ: operator.eq,
    Operator.NEQ: operator.ne,
}


def met(comparison: Comparison, number: float) -> bool:
    return _OPERATORS[comparison.operator](number, comparison.threshold)


def number_of(text: str) -> float | None:
    """Finite numbers only; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def measure(correlation: CompiledCorrelation, values: Sequence[float]) -> float:
    """Over at least one value. The sum is rounded once, so that the order of the values does not matter."""
    match correlation.kind:
        case Kind.VALUE_SUM:
            return math.fsum(values)
        case Kind.VALUE_AVG:
            return math.fsum(values) / len(values)
        case Kind.VALUE_MEDIAN:
            return statistics.median(values)
        case Kind.VALUE_PERCENTILE:
            rank = math.ceil((correlation.percentile or 100) * len(values) / 100)
            return sorted(values)[rank - 1]
    raise ValueError(f"{correlation.kind} is not computed from numbers")
