"""The one table of who may call what. An RPC that is not in it is refused.

Read a line as: these roles, for the tenants that the request names, while the tenant is in one of these states. A test
in `tests/tenancy` walks every RPC of every service against it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from contracts.roles import Role
from infra.auth.directory_state import TenantState

ANALYST, LEAD, ON_CALL, ADMIN = Role.ANALYST, Role.LEAD, Role.ON_CALL, Role.ADMIN
APPROVER, VIEWER, AUDITOR = Role.CUSTOMER_APPROVER, Role.CUSTOMER_VIEWER, Role.AUDITOR
BILLING, SENSOR = Role.BILLING, Role.SENSOR

INVESTIGATORS = frozenset({ANALYST, LEAD, ON_CALL})
VALIDATORS = frozenset({ANALYST, LEAD})
"""Who gives a verdict or takes one back, as `services/detections/domain/validation.py` has it too."""
CUSTOMERS = frozenset({APPROVER, VIEWER})
READERS = INVESTIGATORS | CUSTOMERS | {AUDITOR}
EVERY_ROLE = frozenset(Role) - {Role.SERVICE}
NOBODY: frozenset[Role] = frozenset()

WRITABLE = frozenset({TenantState.ONBOARDING, TenantState.ACTIVE})
READABLE = WRITABLE | {TenantState.SUSPENDED, TenantState.LEAVING}
"""A suspended tenant is read-only, and so is one that is leaving."""
EXPORTABLE = READABLE | {TenantState.CLOSED}
"""Of a closed tenant only what was exported, and that it existed, is answered."""


class Scope(Enum):
    TENANT = "tenant"
    """`tenant_id` names the tenant; the caller needs a role there."""
    TENANTS = "tenants"
    """`tenant_ids` names some, or none for every tenant where the caller has a role."""
    PROVIDER = "provider"
    """The provider's own ledger; a `tenant_id` in the request is an argument, not an address."""
    ANYONE = "anyone"
    """Whoever is authenticated, about themselves."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`roles` count where held for the addressed tenant; `provider_roles`, held for the provider, for any tenant."""

    scope: Scope
    roles: frozenset[Role]
    provider_roles: frozenset[Role] = NOBODY
    states: frozenset[TenantState] = READABLE


def _read(*roles: Role | frozenset[Role]) -> Rule:
    return Rule(Scope.TENANT, _union(*roles))


def _list(*roles: Role | frozenset[Role]) -> Rule:
    return Rule(Scope.TENANTS, _union(*roles))


def _write(*roles: Role | frozenset[Role]) -> Rule:
    return Rule(Scope.TENANT, _union(*roles), states=WRITABLE)


def _provider(*roles: Role | frozenset[Role]) -> Rule:
    return Rule(Scope.PROVIDER, _union(*roles), _union(*roles), EXPORTABLE)


def _union(*roles: Role | frozenset[Role]) -> frozenset[Role]:
    return frozenset(role for item in roles for role in ((item,) if isinstance(item, Role) else item))


def _service(name: str, rules: Mapping[str, Rule]) -> Iterator[tuple[str, Rule]]:
    for method, rule in rules.items():
        yield f"/tenet.{name}/{method}", rule


RULES: Mapping[str, Rule] = dict(
    [
        *_service(
            "operations.v1.OperationsReadService",
            {
                "ListAccessRecords": Rule(Scope.TENANT, frozenset({APPROVER, AUDITOR}), frozenset({ADMIN}), EXPORTABLE),
                "ListParkedWork": Rule(Scope.TENANTS, NOBODY, frozenset({ADMIN}), EXPORTABLE),
            },
        ),
        *_service(
            "operations.v1.OperationsAdminService",
            {
                "RetryParkedWork": Rule(Scope.TENANT, NOBODY, frozenset({ADMIN}), EXPORTABLE),
                "RebuildProjection": Rule(Scope.TENANT, NOBODY, frozenset({ADMIN}), EXPORTABLE),
            },
        ),
        *_service(
            "tenancy.v1.TenancyReadService",
            {
                "GetTenant": Rule(Scope.TENANT, READERS | {BILLING}, frozenset({ADMIN}), EXPORTABLE),
                "ListTenants": Rule(Scope.TENANTS, READERS | {BILLING}, frozenset({ADMIN}), EXPORTABLE),
                "ListPrincipals": _provider(ADMIN, LEAD, AUDITOR),
                "ListNames": _list(INVESTIGATORS),
                "ListGrants": Rule(Scope.TENANTS, frozenset({LEAD, APPROVER, AUDITOR}), frozenset({ADMIN}), EXPORTABLE),
                "GetWhoAmI": Rule(Scope.ANYONE, EVERY_ROLE),
                "ListAccessLog": Rule(Scope.TENANT, frozenset({APPROVER, AUDITOR}), frozenset({ADMIN}), EXPORTABLE),
            },
        ),
        *_service(
            "tenancy.v1.TenancyAdminService",
            dict.fromkeys(
                (
                    "OnboardTenant",
                    "ActivateTenant",
                    "SuspendTenant",
                    "ResumeTenant",
                    "StartLeaving",
                    "CloseTenant",
                    "RegisterPrincipal",
                    "LinkIdentity",
                    "DeactivatePrincipal",
                    "GrantRole",
                    "RevokeGrant",
                    "BindIssuer",
                    "IssueApiKey",
                    "RevokeApiKey",
                ),
                _provider(ADMIN),
            ),
        ),
        *_service(
            "tenancy.v1.CertificationsReadService",
            {"ListCertifications": _provider(INVESTIGATORS, ADMIN, AUDITOR)},
        ),
        *_service(
            "tenancy.v1.CertificationsAdminService",
            dict.fromkeys(("RecordCertification", "RevokeCertification"), _provider(ADMIN)),
        ),
        *_service(
            "assets.v1.AssetsReadService",
            {
                "GetAsset": _read(READERS),
                "ListAssets": _list(READERS, BILLING),
                "ListSensors": _list(READERS),
                "GetFinding": _read(READERS),
                "ListFindings": _list(READERS),
                "LookUpAsset": _read(INVESTIGATORS, CUSTOMERS),
            },
        ),
        *_service(
            "assets.v1.AssetsWriteService",
            {
                "RegisterAsset": _write(INVESTIGATORS, APPROVER),
                "ReclassifyAsset": _write(INVESTIGATORS, APPROVER),
                "RetireAsset": _write(INVESTIGATORS, APPROVER),
                "RegisterSensor": _write(INVESTIGATORS, APPROVER),
                "RecordHeartbeat": _write(SENSOR),
                "ReportFinding": _write(INVESTIGATORS, SENSOR),
                "ValidateFinding": _write(VALIDATORS),
                "WithdrawFindingValidation": _write(VALIDATORS),
                "ReportFindingFix": _write(INVESTIGATORS, APPROVER),
                "VerifyFindingFix": _write(INVESTIGATORS, SENSOR),
            },
        ),
        *_service(
            "assets.v1.VulnerabilitiesReadService",
            dict.fromkeys(("ListVulnerabilityFeeds", "GetVulnerability"), _provider(INVESTIGATORS, AUDITOR)),
        ),
        *_service(
            "assets.v1.VulnerabilitiesAdminService",
            dict.fromkeys(
                (
                    "ImportVulnerabilityFeed",
                    "ScheduleVulnerabilityFeed",
                    "UnscheduleVulnerabilityFeed",
                    "FetchVulnerabilityFeed",
                ),
                _provider(LEAD),
            ),
        ),
        *_service(
            "detections.v1.TelemetryIngestService",
            {"IngestBatch": _write(SENSOR), "IngestStream": _write(SENSOR)},
        ),
        *_service(
            "detections.v1.DetectionsReadService",
            {
                "GetDetection": _read(READERS),
                "ListDetections": _list(READERS),
                "ListTriageQueue": _list(INVESTIGATORS),
                **dict.fromkeys(("ListRulePacks", "ListRulePublishers"), _provider(INVESTIGATORS, AUDITOR, ADMIN)),
                "GetCustomerReport": _read(READERS),
                "ListCustomerReports": _list(READERS),
            },
        ),
        *_service(
            "detections.v1.DetectionsWriteService",
            {
                "ClaimDetection": _write(INVESTIGATORS),
                "ReleaseDetection": _write(INVESTIGATORS),
                "ValidateDetection": _write(VALIDATORS),
                "WithdrawDetectionValidation": _write(VALIDATORS),
                "FileCustomerReport": _write(INVESTIGATORS, CUSTOMERS),
                "ValidateCustomerReport": _write(VALIDATORS),
                "WithdrawCustomerReportValidation": _write(VALIDATORS),
            },
        ),
        *_service(
            "detections.v1.IntelligenceReadService",
            {
                **dict.fromkeys(
                    ("ListIntelligenceSources", "ListTechniques"),
                    Rule(Scope.TENANT, INVESTIGATORS | {AUDITOR}, frozenset({ADMIN})),
                ),
                "ListIndicators": _read(INVESTIGATORS, AUDITOR),
            },
        ),
        *_service(
            "detections.v1.IntelligenceWriteService",
            dict.fromkeys(
                (
                    "ImportIntelligence",
                    "RetireIntelligenceSource",
                    "ScheduleIntelligenceFetch",
                    "FetchIntelligence",
                ),
                Rule(Scope.TENANT, frozenset({LEAD}), frozenset({ADMIN}), WRITABLE),
            ),
        ),
        *_service("detections.v1.SightingsReadService", {"ListSightings": _read(READERS)}),
        *_service(
            "detections.v1.SightingsWriteService",
            dict.fromkeys(("JoinSightingSharing", "LeaveSightingSharing"), _write(APPROVER)),
        ),
        *_service("detections.v1.SuppressionsReadService", {"ListSuppressions": _list(READERS)}),
        *_service(
            "detections.v1.SuppressionsWriteService",
            dict.fromkeys(("AddSuppression", "LiftSuppression"), _write(ANALYST, LEAD)),
        ),
        *_service("detections.v1.ExpectedBehaviourReadService", {"ListExpectedBehaviours": _list(READERS)}),
        *_service(
            "detections.v1.ExpectedBehaviourWriteService",
            dict.fromkeys(
                ("RememberExpectedBehaviour", "ConfirmExpectedBehaviour", "EndExpectedBehaviour"),
                _write(ANALYST, LEAD),
            ),
        ),
        *_service(
            "detections.v1.DetectionsAdminService",
            dict.fromkeys(
                ("ImportRulePack", "DeployRulePack", "TrustRulePublisher", "DistrustRulePublisher"),
                _provider(ADMIN, LEAD),
            ),
        ),
        *_service(
            "detections.v1.RulesReadService",
            {
                **dict.fromkeys(("GetRule", "ListRules"), Rule(Scope.TENANTS, READERS, frozenset({ADMIN}))),
                "ListRuleExceptions": _list(READERS),
            },
        ),
        *_service(
            "detections.v1.RulesWriteService",
            {
                **dict.fromkeys(("ExceptRule", "RenewRuleException", "EndRuleException"), _write(VALIDATORS)),
                **dict.fromkeys(("DisableRule", "EnableRule"), _write(LEAD)),
            },
        ),
        *_service(
            "detections.v1.RulesAdminService",
            dict.fromkeys(("RetireRule", "ReinstateRule"), _provider(ADMIN, LEAD)),
        ),
        *_service("detections.v1.DetectionsBulkWriteService", {"ValidateDetections": _write(VALIDATORS)}),
        *_service("detections.v1.DetectionsClocksReadService", {"ListSourceClocks": _list(READERS)}),
        *_service("detections.v1.DetectionsHuntService", {"Hunt": _write(INVESTIGATORS)}),
        *_service(
            "detections.v1.BlindReviewsReadService",
            {
                "ListBlindReviewQueue": _list(VALIDATORS),
                "GetBlindReviewShare": _read(LEAD, AUDITOR),
                "ListBlindReviews": _read(LEAD, AUDITOR),
                "GetVerdictAgreement": _read(READERS),
            },
        ),
        *_service(
            "detections.v1.BlindReviewsWriteService",
            {"SetBlindReviewShare": _write(LEAD), "GiveBlindReview": _write(VALIDATORS)},
        ),
        *_service(
            "cases.v1.CasesReadService",
            {
                "GetCase": _read(READERS),
                "ListCases": _list(READERS),
                "ListPendingApprovals": _list(READERS),
                "GetAction": _read(READERS),
                "ListActions": _list(READERS),
                "ListNotices": _list(READERS),
                "ListEnquiries": _list(READERS),
                "GetCharter": _read(READERS),
            },
        ),
        *_service("cases.v1.CasesMessagesReadService", {"ListMessages": _list(READERS)}),
        *_service(
            "cases.v1.CasesPeopleReadService",
            {
                "GetOnCall": _read(INVESTIGATORS, AUDITOR),
                "GetOnCallOverview": _list(INVESTIGATORS, AUDITOR),
                "ListPages": _list(INVESTIGATORS, AUDITOR),
                "ListServiceLevels": _list(READERS),
                "ListCalendars": _list(READERS),
                "ListQuestions": _list(READERS),
                "GetAnswerTimes": _read(READERS),
            },
        ),
        *_service(
            "cases.v1.CasesPeopleWriteService",
            {
                "SendPage": _write(INVESTIGATORS),
                "AcknowledgePage": _write(INVESTIGATORS),
                "PublishCalendar": _write(LEAD, APPROVER),
                "PauseServiceLevel": _write(VALIDATORS),
                "ResumeServiceLevel": _write(VALIDATORS),
                "ChangeCasePriority": _write(INVESTIGATORS),
                "AskQuestion": _write(CUSTOMERS),
                "AskSecondOpinion": _write(INVESTIGATORS),
                "AnswerQuestion": _write(INVESTIGATORS),
            },
        ),
        *_service(
            "cases.v1.CasesRotaReadService",
            {
                **dict.fromkeys(("ListRotas", "ListHandovers", "GetHandover"), _provider(INVESTIGATORS, AUDITOR)),
                "GetPageContact": _provider(INVESTIGATORS),
            },
        ),
        *_service(
            "cases.v1.CasesRotaWriteService",
            {
                **dict.fromkeys(("OverrideRota", "RemoveRotaOverride"), _provider(LEAD, ON_CALL)),
                "SetPageContact": _provider(INVESTIGATORS),
                **dict.fromkeys(("StartHandover", "AcceptHandoverItem", "CompleteHandover"), _provider(INVESTIGATORS)),
            },
        ),
        *_service("cases.v1.CasesRotaAdminService", {"PublishRota": _provider(LEAD)}),
        *_service(
            "cases.v1.CasesWorkReadService",
            {
                "GetCaseContent": _read(READERS),
                "GetCaseScope": _read(READERS),
                "ListSimilarCases": _read(INVESTIGATORS, AUDITOR),
                "ListLinkSuggestions": _list(INVESTIGATORS, AUDITOR),
                "ListTasks": _list(READERS),
            },
        ),
        *_service(
            "cases.v1.CasesWorkWriteService",
            {
                **dict.fromkeys(("MergeCase", "UnmergeCase", "SplitCase", "UnlinkSubject"), _write(INVESTIGATORS)),
                **dict.fromkeys(("AcceptLink", "DeclineLink"), _write(INVESTIGATORS)),
                **dict.fromkeys(("AddTask", "AssignTask", "DropTask"), _write(INVESTIGATORS)),
                **dict.fromkeys(("AddObservable", "RemoveObservable", "CopyEvidence"), _write(INVESTIGATORS)),
                **dict.fromkeys(("CompleteTask", "KeepEvidenceFile"), _write(INVESTIGATORS, APPROVER)),
                "TransferCustody": _write(INVESTIGATORS, APPROVER),
            },
        ),
        *_service(
            "cases.v1.CasesBulkWriteService",
            dict.fromkeys(("MergeCases", "UnmergeCases", "CloseCases", "AddNotes"), _write(INVESTIGATORS)),
        ),
        *_service("cases.v1.CasesPlaybooksReadService", {"ConvertPlaybook": _read(READERS)}),
        *_service(
            "cases.v1.CasesWriteService",
            {
                "OpenCase": _write(INVESTIGATORS),
                "LinkSubject": _write(INVESTIGATORS),
                "AssignCase": _write(INVESTIGATORS),
                "AddNote": _write(INVESTIGATORS, APPROVER),
                "AddEvidence": _write(INVESTIGATORS, APPROVER),
                "DecidePlan": _write(INVESTIGATORS),
                "ReorderPlan": _write(INVESTIGATORS),
                "ApprovePlan": _write(LEAD, APPROVER),
                "RejectPlan": _write(LEAD, APPROVER),
                "DispatchAction": _write(INVESTIGATORS),
                "CompleteStep": _write(INVESTIGATORS),
                "VerifyAction": _write(INVESTIGATORS, SENSOR),
                "ReverseAction": _write(INVESTIGATORS),
                "SendNotice": _write(INVESTIGATORS),
                "AcknowledgeNotice": _write(CUSTOMERS),
                "SendEnquiry": _write(INVESTIGATORS),
                "AnswerEnquiry": _write(CUSTOMERS),
                "CloseCase": _write(INVESTIGATORS),
                "ReopenCase": _write(INVESTIGATORS),
                "SignPreauthorisation": _write(APPROVER),
                "RevokePreauthorisation": _write(APPROVER, LEAD),
            },
        ),
        *_service(
            "cases.v1.CasesAdminService",
            {"ProposeCharter": _write(INVESTIGATORS, APPROVER), "ApproveCharter": _write(APPROVER)},
        ),
        *_service(
            "reporting.v1.ReportingReadService",
            {
                "GetReport": _read(READERS, BILLING),
                "RenderReport": _read(READERS, BILLING),
                "ListReports": _list(READERS, BILLING),
                "DrillFigure": _read(READERS, BILLING),
                "RebuildReport": _read(READERS, BILLING),
            },
        ),
        *_service(
            "reporting.v1.ReportingWriteService",
            {
                "PublishReport": _write(ANALYST, LEAD),
                "ConfirmReport": _write(APPROVER),
                "DisputeReport": _write(CUSTOMERS),
            },
        ),
        *_service(
            "ledger.v1.LedgerReadService",
            {
                "Read": _read(INVESTIGATORS, APPROVER, AUDITOR, BILLING),
                "Subscribe": _list(INVESTIGATORS, APPROVER, AUDITOR, BILLING),
                "GetHead": _read(EVERY_ROLE - {ADMIN}),
                "GetPositionAt": _read(EVERY_ROLE - {ADMIN}),
                "OpenFields": _read(READERS),
                **dict.fromkeys(
                    ("GetCheckpoint", "ProveInclusion", "ProveConsistency", "ProveRange", "GetReceipt"),
                    _read(READERS, BILLING),
                ),
            },
        ),
        *_service(
            "ledger.v1.LedgerAdminService",
            {
                "ExportLedger": Rule(Scope.TENANT, frozenset({APPROVER, AUDITOR}), frozenset({ADMIN}), EXPORTABLE),
                "RotateLogKey": Rule(Scope.TENANT, NOBODY, frozenset({ADMIN})),
            },
        ),
        *_service(
            "ledger.v1.LedgerAuditService",
            {"ExportBundle": Rule(Scope.TENANT, frozenset({APPROVER, AUDITOR}), frozenset({ADMIN}), EXPORTABLE)},
        ),
        *_service(
            "ledger.v1.LedgerCheckService",
            {"CheckLedger": Rule(Scope.TENANT, frozenset({APPROVER, AUDITOR}), frozenset({ADMIN}))},
        ),
        *_service(
            "ledger.v1.LedgerRecoveryAdminService",
            dict.fromkeys(
                ("ProposeReopening", "ApproveReopening"), Rule(Scope.TENANT, NOBODY, frozenset({ADMIN}), WRITABLE)
            ),
        ),
        *_service(
            "ledger.v1.LedgerErasureAdminService",
            dict.fromkeys(
                ("PlaceHold", "ReleaseHold", "Erase", "ApproveErasure"),
                Rule(Scope.TENANT, frozenset({APPROVER}), frozenset({ADMIN})),
            ),
        ),
        *_service(
            "ledger.v1.LedgerErasureReadService",
            dict.fromkeys(
                ("GetCustody", "ListRestingPlaces"),
                Rule(Scope.TENANT, frozenset({APPROVER, AUDITOR}), frozenset({ADMIN})),
            ),
        ),
    ]
)
"""Full name of each RPC to its rule."""
