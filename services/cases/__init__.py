"""The cases service: what is done about what was validated, on whose word, and whether it worked.

Streams: `charter-…`, `preauthorisation-…`, `case-…`, `action-…`, `notice-…`, `enquiry-…`, `suggestion-…`.
Of people, in a customer's ledger: `page-…`, `service_level-…`, `calendar-…`, `question-…`; in the provider's: `rota-…`,
`rota_assignment-…`, `page_contact-…`, `handover-…`; messages to any of them: `message-…`.
RPCs: CasesReadService, CasesWriteService, CasesAdminService (`contracts/proto/tenet/cases/v1`), CasesPeopleReadService,
CasesPeopleWriteService, CasesWorkReadService, CasesWorkWriteService, CasesBulkWriteService, CasesMessagesReadService,
CasesPlaybooksReadService; of the provider's rotas CasesRotaReadService, CasesRotaWriteService, CasesRotaAdminService.
Read models: cases, case_timeline, actions, notices, enquiries, pending_approvals, subject_cases, charters,
case_tasks, case_marks, index_assets, link_suggestions, evidence_files, messages, observations,
rotas, pages, service_levels, questions, calendars, handovers.
Connectors (`connectors/`): signed webhook with an OpenC2 body, an operator's programs, rehearsal; messages by mail,
chat and an operator's program.
"""
