"""The cases service: what is done about what was validated, on whose word, and whether it worked.

Streams: `charter-…`, `preauthorisation-…`, `case-…`, `action-…`, `notice-…`, `enquiry-…`.
RPCs: CasesReadService, CasesWriteService, CasesAdminService (`contracts/proto/tenet/cases/v1`).
Read models: cases, case_timeline, actions, notices, enquiries, pending_approvals, subject_cases, charters.
Connectors (`connectors/`): signed webhook with an OpenC2 body, rehearsal.
"""
