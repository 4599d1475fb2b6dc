"""All correlations of one tenant: hits go in, in the order of the ledger, and firings come out."""

import hashlib
from collections.abc import Iterable, Mapping

from services.detections.domain.correlation.hits import Firing, Hit, Losses
from services.detections.domain.correlation.rules import CompiledCorrelation
from services.detections.domain.correlation.windows import Windows


class Correlator:
    """Its state is a function of the hits that it was given and their order, so it is rebuilt by giving them again."""

    def __init__(self, correlations: Iterable[CompiledCorrelation]) -> None:
        self._windows = [Windows(correlation) for correlation in correlations]
        self._of_rule: dict[str, list[Windows]] = {}
        for windows in self._windows:
            for rule_id in windows.correlation.references:
                self._of_rule.setdefault(rule_id, []).append(windows)
        self._topmost = [windows for windows in self._windows if windows.correlation.rule_id not in self._of_rule]

    def take(self, hits: Iterable[Hit]) -> list[Firing]:
        """What fires, in the order in which it does. A correlation that fires is a hit for those that refer to it."""
        fired: list[Firing] = []
        for windows in self._topmost:
            windows.fired = fired
        of_rule = self._of_rule
        for hit in hits:
            for windows in of_rule.get(hit.rule_id, ()):
                if windows.take(hit) and windows.fired is not fired:
                    self._pass_on(windows, fired)
        return fired

    def close(self, bound: int) -> list[Firing]:
        """Judges the windows that end before `bound` (microseconds) and still wait for what could come; what fires."""
        fired: list[Firing] = []
        for windows in self._windows:
            windows.fired = fired if windows in self._topmost else []
            windows.close(bound)
            if windows.fired is not fired:
                self._pass_on(windows, fired)
        return fired

    @property
    def room(self) -> int:
        """How many hits the windows have room for; see `Windows.room`."""
        return sum(windows.room for windows in self._windows)

    def take_losses(self) -> Mapping[str, Losses]:
        """By correlation, what did not count since the last time; only those that lost something."""
        losses = {windows.correlation.rule_id: windows.losses for windows in self._windows if windows.losses}
        for windows in self._windows:
            if windows.losses:
                windows.losses = Losses()
        return losses

    def remembered(self) -> list[Hit]:
        """Every hit that some window still holds, by time: given to a new correlator, they make the same windows."""
        found = {
            (hit.rule_id, hit.key): hit for windows in self._windows for group in windows.groups() for hit in group.hits
        }
        return sorted(found.values(), key=lambda hit: (hit.at, hit.rule_id, hit.key))

    def _pass_on(self, windows: Windows, fired: list[Firing]) -> None:
        for firing in windows.drain():
            fired.append(firing)
            if not firing.begins:
                continue
            hit = as_hit(firing)
            for above in self._of_rule[hit.rule_id]:
                if above.take(hit) and above.fired is not fired:
                    self._pass_on(above, fired)


def as_hit(firing: Firing) -> Hit:
    """A firing as other correlations see it: at the end of its window, with the fields that it is grouped by."""
    correlation = firing.correlation
    last = firing.hits[-1]
    identity = "\x1f".join((correlation.rule_id, *firing.group, str(firing.at)))
    return Hit(
        correlation.rule_id,
        hashlib.sha256(identity.encode("utf-8", "surrogatepass")).digest(),
        firing.at,
        dict(zip(correlation.group_by, firing.group, strict=True)),
        last.batch,
        last.offset,
        last.place,
    )
