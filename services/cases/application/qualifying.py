"""The gate in front of what only a certified person may do; the certification is cited with what it allowed."""

from contracts.events.cases import CharterLine, Step
from contracts.ids import PROVIDER
from infra.event_store.handler import Unit
from infra.event_store.repository import Repository
from services.cases.application.charters import Charters
from services.cases.application.people_aggregates import CERTIFICATION
from services.cases.domain.people_errors import CertificationMissing
from services.cases.domain.qualification import certification_id_of, qualified
from services.cases.domain.who import Who


async def certified(unit: Unit, repository: Repository, name: str, who: Who) -> None:
    """Raises CertificationMissing, CertificationExpired, CertificationRevokedAlready. A machine holds none."""
    if not who.person:
        raise CertificationMissing(
            f"This needs a person who is certified for {name}.", metadata={"certification": name}
        )
    held = await repository.load(PROVIDER, CERTIFICATION, certification_id_of(who.id, name))
    unit.cite(qualified(held.state, name, who.now))


async def certified_for_step(
    unit: Unit, repository: Repository, charters: Charters, line: CharterLine, step: Step, who: Who
) -> None:
    """The same for a plan's step, by the version of the charter that the plan was decided under."""
    charter = await charters.behind(unit.tenant_id, line)
    line_id, _, rule_id = step.line.partition("/")
    found = charter.line(line_id)
    rule = next((each for each in found.then.steps if each.id == rule_id), None) if found is not None else None
    if rule is not None and rule.certification:
        await certified(unit, repository, rule.certification, who)
