"""The ledger service's use cases: handing out entries, opening their sealed fields, exporting."""
