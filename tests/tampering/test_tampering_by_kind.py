"""Each kind of tampering by itself, through the service's own check: what it is called and where it was done."""

import shutil

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.transparency.edge import Edge
from infra.transparency.findings import Kind
from infra.transparency.ledger_check import HeldHead, LedgerChecked
from infra.transparency.notes import Checkpoint, Note, Signer, parse_note
from infra.transparency.sealer import Head
from tests.tampering.ledgers import Ledgers


def kinds(checked: LedgerChecked) -> set[Kind]:
    return {each.kind for each in checked.findings.found}


ROWS = {
    "UPDATE {t}.events SET stream = 'export-other' WHERE position = 40": Kind.COLUMN_ALTERED,
    "UPDATE {t}.events SET version = version + 1 WHERE position = 40": Kind.COLUMN_ALTERED,
    "UPDATE {t}.events SET topic = 'tenet.ledger.Other' WHERE position = 40": Kind.COLUMN_ALTERED,
    "UPDATE {t}.events SET event_id = 'event-other' WHERE position = 40": Kind.COLUMN_ALTERED,
    "UPDATE {t}.events SET leaf_hash = sha256('x') WHERE position = 40": Kind.COLUMN_ALTERED,
    "UPDATE {t}.events SET request_key = sha256('x') WHERE position = 40": Kind.COLUMN_ALTERED,
    "UPDATE {t}.events SET request_digest = sha256('x') WHERE position = 40": Kind.COLUMN_ALTERED,
    "UPDATE {t}.events SET recorded_at = recorded_at + 1 WHERE position = 40": Kind.ENTRY_ALTERED,
    "UPDATE {t}.events SET entry = overlay(entry placing 'x' from 30) WHERE position = 40": Kind.ENTRY_ALTERED,
    "DELETE FROM {t}.events WHERE position = 40": Kind.ENTRY_MISSING,
    "DELETE FROM {t}.events WHERE position >= 40": Kind.ENTRY_MISSING,
    "UPDATE {t}.events SET position = 81 - position WHERE position IN (40, 41)": Kind.ENTRY_ALTERED,
}
OPENINGS = {
    "DELETE FROM {t}.openings WHERE event_id = %s": Kind.OPENING_MISSING,
    "UPDATE {t}.openings SET subject = 'subject-other' WHERE event_id = %s": Kind.OPENING_ALTERED,
    "UPDATE {t}.openings SET ciphertext = ciphertext || 'x'::bytea WHERE event_id = %s": Kind.OPENING_ALTERED,
    "UPDATE {t}.openings SET key_id = 'key-other' WHERE event_id = %s": Kind.OPENING_ALTERED,
    "INSERT INTO {t}.openings SELECT event_id, '/other', subject, key_id, nonce, ciphertext FROM {t}.openings"
    " WHERE event_id = %s": Kind.OPENING_UNEXPECTED,
}


async def test_what_a_superuser_does_to_rows_and_openings_is_named_with_its_place(ledgers: Ledgers) -> None:
    for statement, kind in ROWS.items():
        async with ledgers.admin.transaction(force_rollback=True):
            await ledgers.sql(statement)
            checked = await ledgers.check(uncommitted=True)
        assert checked.findings.first_position == 40, statement
        assert kind in kinds(checked), statement
    ((event_id,),) = await ledgers.sql("SELECT event_id FROM {t}.openings ORDER BY event_id LIMIT 1")
    for statement, kind in OPENINGS.items():
        async with ledgers.admin.transaction(force_rollback=True):
            await ledgers.sql(statement, event_id)
            checked = await ledgers.check(uncommitted=True)
        assert kinds(checked) == {kind}, statement
        assert str(event_id) in checked.findings.found[0].place, statement


async def test_an_erased_opening_that_a_backup_brings_back_is_named(ledgers: Ledgers) -> None:
    ((event_id,),) = await ledgers.sql(
        "SELECT event_id FROM {t}.events e WHERE topic = 'tenet.ledger.LedgerExported'"
        " AND NOT EXISTS (SELECT FROM {t}.openings o WHERE o.event_id = e.event_id) ORDER BY position LIMIT 1"
    )
    await ledgers.sql(
        "INSERT INTO {t}.openings SELECT %s, '/purpose', 'subject-0', key_id, nonce, ciphertext FROM {t}.openings"
        " LIMIT 1",
        event_id,
    )
    checked = await ledgers.check()
    assert kinds(checked) == {Kind.OPENING_UNEXPECTED}
    assert "erased" in checked.findings.found[0].message


async def test_a_rollback_of_ledger_and_log_together_is_found_by_a_head_that_is_held_elsewhere(
    ledgers: Ledgers,
) -> None:
    head = await ledgers.seal(ledgers.tenant)
    await ledgers.sql("DELETE FROM {t}.events WHERE position >= 100")
    await ledgers.sql(
        "DELETE FROM {t}.openings o WHERE NOT EXISTS (SELECT FROM {t}.events WHERE event_id = o.event_id)"
    )
    shutil.rmtree(ledgers.storage.of(ledgers.tenant).path / "tile")
    for name in ("checkpoint", "checkpoint.cosigned"):
        (ledgers.storage.of(ledgers.tenant).path / name).unlink()
    await ledgers.seal(ledgers.tenant)
    ledgers.cosign(ledgers.tenant)
    unseen = kinds(await ledgers.check())
    assert Kind.HEAD_CONTRADICTED not in unseen
    assert Kind.ENTRY_MISSING not in unseen
    checked = await ledgers.check(HeldHead("a customer's witness", head))
    found = [each for each in checked.findings.found if each.kind is Kind.HEAD_CONTRADICTED]
    assert [(each.place, each.position) for each in found] == [("a customer's witness", 100)]


async def test_a_history_that_was_written_anew_is_found_by_an_older_head_with_the_place_where_it_parts(
    ledgers: Ledgers,
) -> None:
    directory = ledgers.storage.of(ledgers.tenant)
    rows = await ledgers.sql("SELECT encode(leaf_hash, 'hex') FROM {t}.events ORDER BY position")
    leaves = [bytes.fromhex(str(leaf)) for (leaf,) in rows]
    await ledgers.sql("DELETE FROM {t}.events WHERE position >= 100")
    shutil.rmtree(directory.path / "tile")
    for name in ("checkpoint", "checkpoint.cosigned"):
        (directory.path / name).unlink()
    await ledgers.seal(ledgers.tenant)
    ledgers.cosign(ledgers.tenant)

    def head(size: int, of: list[bytes]) -> Head:
        edge = Edge()
        edge.append(of[:size])
        return Head(size, edge.root())

    other = [*leaves[:60], *reversed(leaves[60:])]
    checked = await ledgers.check(HeldHead("older", head(50, leaves)), HeldHead("newer", head(90, other)))
    found = [each for each in checked.findings.found if each.kind is Kind.HEAD_CONTRADICTED]
    assert [(each.place, each.position) for each in found] == [("newer", 50)]


async def test_a_log_that_was_signed_anew_with_another_key_is_not_the_logs(ledgers: Ledgers) -> None:
    directory, origin = ledgers.storage.of(ledgers.tenant), ledgers.origin(ledgers.tenant)
    data = directory.own_checkpoint()
    assert data is not None
    checkpoint = Checkpoint.parse(parse_note(data).text)
    forger = Signer(origin, Ed25519PrivateKey.generate())
    note = Note(Checkpoint(origin, checkpoint.size, checkpoint.root).text())
    directory.checkpoint_path.write_bytes(note.signed(forger.sign(note.text)).encode())
    checked = await ledgers.check()
    assert [each.place for each in checked.findings.found] == ["checkpoint"]
