"""The order of the play, the same for the terminal and for the tests."""

from dataclasses import dataclass

from infra.cli.demo import bank, clinic, holding, manufacturer, retailer
from infra.cli.demo.casework import Casework
from infra.cli.demo.on_call import man_the_desk
from infra.cli.demo.stage import Stage
from infra.cli.demo.world import deploy_own_rules, take_on

FREEZE_SECONDS = 25.0
"""How long the retailer's freeze goes on after its charter is proposed; enough for the first act on a slow machine."""


@dataclass(frozen=True, slots=True)
class Played:
    """The cases, by tenant."""

    cases: dict[str, tuple[Casework, ...]]


async def set_up(stage: Stage) -> None:
    """Customers, people, machines, who is on call, rules."""
    await take_on(stage)
    await man_the_desk(stage)
    count = await deploy_own_rules(stage)
    stage.audience.shown(f"five customers with their people; {count} rules of Tenet's own; Ana is on call")


async def five_examples(stage: Stage, freeze_seconds: float = FREEZE_SECONDS) -> Played:
    """Plays them. Raises StoryBroken, RemoteError."""
    erp, finding_id = await retailer.during_the_freeze(stage, freeze_seconds)
    clinics = await clinic.play(stage)
    odd_access = await bank.play(stage)
    credentials = await holding.play(stage)
    floor = await manufacturer.play(stage)
    await retailer.after_the_freeze(stage, erp, finding_id)
    return Played(
        {
            "retailer": (erp,),
            "clinic": tuple(clinics),
            "bank": (odd_access,),
            "holding": (credentials,),
            "manufacturer": (floor,),
        }
    )
