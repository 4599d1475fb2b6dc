"""The reporting service: what happened, in figures that can be followed back to the entries that they come from.

Streams: `report-…`.
RPCs: ReportingReadService (GetReport, RenderReport, ListReports, DrillFigure, RebuildReport) and ReportingWriteService
(PublishReport, ConfirmReport, DisputeReport).
Read models: reports, people (references to the names of principals). A report's model lies in the object store under
its hash; it is a function of the ledger's entries up to a position and of versioned definitions, so that anyone can
build it again and get the same bytes.
"""
