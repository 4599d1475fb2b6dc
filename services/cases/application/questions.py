"""Commands on customers' questions and changes."""

from contracts.calls import Call
from contracts.events.subjects import SubjectKind
from contracts.ids import PROVIDER
from infra.event_store.handler import CommandHandler, Committed, Unit
from infra.event_store.repository import Repository
from services.cases.application.aggregates import SUBJECTS
from services.cases.application.grounds import loaded_case
from services.cases.application.people_aggregates import CERTIFICATION, QUESTION
from services.cases.application.qualifying import certified
from services.cases.application.rotas import Rotas
from services.cases.application.service_levels import calendar_named
from services.cases.domain import question as deciding
from services.cases.domain.case import existing
from services.cases.domain.errors import SubjectUnknown
from services.cases.domain.people_commands import AnswerQuestion, AskQuestion, MarkQuestionOverdue
from services.cases.domain.qualification import certification_id_of
from services.cases.domain.rota import on_call
from services.cases.domain.who import Who


class Questions:
    def __init__(self, handler: CommandHandler, repository: Repository, rotas: Rotas) -> None:
        self._handler, self._repository, self._rotas = handler, repository, rotas

    async def ask_question(self, call: Call, command: AskQuestion) -> Committed:
        """The question and whom it goes to, in one. Raises RotaMissing, TopicUnknown, CaseUnknown."""

        async def work(unit: Unit) -> None:
            rota = await self._rotas.of_tenant(command.tenant_id)
            desk = deciding.desk_of(rota.rules, command.topic)
            able = {person: await self._able(person, desk.certification, call) for person in desk.principal_ids}
            if command.case_id is not None:
                existing((await loaded_case(unit, command.case_id)).state)
            if command.detection_id is not None:
                detection = await unit.load(SUBJECTS[SubjectKind.DETECTION], command.detection_id)
                if not detection.state.exists:
                    raise SubjectUnknown("There is no such detection in this tenant.")
            calendar = await calendar_named(unit, desk.calendar)
            asked = deciding.ask_question(command, desk, calendar, call.now, call.request_key)
            question = await unit.load(QUESTION, asked.question_id)
            await self._rotas.cite(unit, rota, call.now)
            first = on_call(rota, call.now).principal_id
            routed = deciding.route_question(
                asked.question_id, desk, able, first, rota.rules.leads, asker=call.actor.id
            )
            unit.append(question, [asked, routed])

        return await self._handler.handle(call, command, work)

    async def answer_question(self, call: Call, command: AnswerQuestion) -> Committed:
        """Raises CertificationMissing, CertificationExpired where the topic asks for one."""

        async def work(unit: Unit) -> None:
            question = await unit.load(QUESTION, command.question_id)
            asked = deciding.known(question.state)
            if asked.certification:
                await certified(unit, self._repository, asked.certification, Who.of(call))
            unit.append(question, [deciding.answer_question(question.state, command, Who.of(call))])

        return await self._handler.handle(call, command, work)

    async def mark_question_overdue(self, call: Call, command: MarkQuestionOverdue) -> Committed:
        async def work(unit: Unit) -> None:
            question = await unit.load(QUESTION, command.question_id)
            unit.append(question, deciding.mark_overdue(question.state, call.now))

        return await self._handler.handle(call, command, work)

    async def _able(self, principal_id: str, name: str, call: Call) -> bool:
        if not name:
            return True
        identifier = certification_id_of(principal_id, name)
        return (await self._repository.load(PROVIDER, CERTIFICATION, identifier)).state.valid(call.now)
