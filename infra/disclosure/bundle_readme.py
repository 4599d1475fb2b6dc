"""What a person reads first in an audit bundle."""

from collections.abc import Mapping

from contracts.labels import Audience

_TEXT = """\
AUDIT BUNDLE
============

Ledger    {tenant}
Contents  {contents}
Audience  {audience}

This is a part of the ledger in which everything that was seen, decided and done for this customer is recorded, as it
was stored, with what is needed to check it without asking anybody.

Check it
--------
    python verifier.py DIRECTORY --key FINGERPRINT        or: tenet verify DIRECTORY --key FINGERPRINT

The verifier is one file, infra/transparency/verifier.py of Tenet's sources; it needs Python 3.11 and the package
`cryptography`, and neither network nor database. Get it, and the fingerprint of the ledger's key, by another way than
this bundle came: from the contract, from an earlier bundle, or from the provider in person. This bundle says

{keys}

A checkpoint of this ledger that you keep from before (data/ledgers/{tenant}/checkpoint of an earlier bundle) shows
whether what was recorded then is still there: --checkpoint FILE. The hash of tagmanifest-sha256.txt, which the export
printed and the ledger recorded, binds every byte of every file, these words too: --bundle HASH.

Exit code 0: valid. 1: not valid, with the first position that fails. 2: not checked.

What is where
-------------
data/bundle.json            what was asked for
data/ledgers/<tenant>/      entries as stored, hashes, signed checkpoint, keys. In the ledger `provider` are the grants
                            and rule packs that entries cite by position
data/openings.jsonl         values of sealed fields, each with the salt that proves it. `withheld`: the label keeps it
                            from this audience; `erased`: it was destroyed on purpose. The entry holds its commitment
data/schemas/               JSON Schema of each kind of event
data/reports/               reports that were published, in canonical JSON, by the hash that their entry states
bagit.txt, manifest-…       the bundle is a BagIt bag (RFC 8493)

What it proves, and what not
----------------------------
That these entries stood at these positions when the checkpoint was signed; in a range, that none is missing. Not that
what a person recorded was true, nor that nothing happened that was never recorded. Values in openings.jsonl lie in the
clear here, and an erasure at the provider does not reach them: keep this bundle as its audience demands.
"""


def readme(tenant_id: str, case_id: str | None, audience: Audience, fingerprints: Mapping[str, str]) -> str:
    return _TEXT.format(
        tenant=tenant_id,
        contents=f"the case {case_id}, with all that it cites" if case_id else "a whole range; see data/bundle.json",
        audience=audience.value,
        keys="\n".join(f"    {tenant:<12} {fingerprint}" for tenant, fingerprint in fingerprints.items()),
    )
