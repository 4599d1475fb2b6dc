"""`tenet rules key` and `sign` with no server at hand, and a signed pack's way into a whole running system."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli.__main__ import app
from infra.cli.packs import pack_of
from infra.cli.rule_publishers import signature_of, signed_by
from infra.transparency.signed_packs import require_signature_of, signers_of
from tests.fixtures.running_system import RunningSystem, running_system

RULE = """
title: Notepad was started
id: 5a1e3f0c-0000-4000-8000-0000000000a7
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: notepad}
  condition: selection
level: medium
"""
runner = CliRunner()


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    with running_system() as running:
        yield running


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "one.yml").write_text(RULE)
    return folder


def made(key: Path) -> str:
    result = runner.invoke(app, ["rules", "key", "rules.example", "-o", str(key)])
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_key_is_made_and_a_pack_signed_by_it(tmp_path: Path, rules: Path) -> None:
    key, signature = tmp_path / "key", tmp_path / "pack.sig"
    public = made(key)
    assert key.stat().st_mode & 0o777 == 0o600
    result = runner.invoke(app, ["rules", "sign", str(rules), "--name", "own", "--key", str(key), "-o", str(signature)])
    assert result.exit_code == 0, result.output
    content = signature_of(signature)
    require_signature_of(content, "own", hashlib.sha256(pack_of(rules)).hexdigest())
    assert signers_of(content, [public]) == (public,)


def test_nothing_is_overwritten_and_a_key_that_others_can_read_is_not_used(tmp_path: Path, rules: Path) -> None:
    key, signature = tmp_path / "key", tmp_path / "pack.sig"
    made(key)
    before = key.read_bytes()
    assert runner.invoke(app, ["rules", "key", "rules.example", "-o", str(key)]).exit_code == 2
    assert key.read_bytes() == before
    sign = ["rules", "sign", str(rules), "--name", "own", "--key", str(key), "-o", str(signature)]
    key.chmod(0o644)
    refused = runner.invoke(app, sign)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("KEY_EXPOSED:")
    key.write_bytes(b"not a key")
    key.chmod(0o600)
    assert runner.invoke(app, sign).stderr.startswith("KEY_UNREADABLE:")
    assert not signature.exists()


def test_names_that_could_not_be_imported_are_not_signed(tmp_path: Path, rules: Path) -> None:
    key = tmp_path / "key"
    made(key)
    for name in ("Own", "own\nother", ""):
        result = runner.invoke(
            app, ["rules", "sign", str(rules), "--name", name, "--key", str(key), "-o", str(tmp_path / "sig")]
        )
        assert result.exit_code == 2
    for name in ("two words", "plus+sign", "", "n" * 201):
        assert runner.invoke(app, ["rules", "key", name, "-o", str(tmp_path / "other")]).exit_code == 2
    assert not (tmp_path / "other").exists()


def test_a_signature_is_looked_at_before_it_is_sent(tmp_path: Path, rules: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for path in (empty, tmp_path / "missing"):
        result = runner.invoke(app, ["rules", "import", str(rules), "--signature", str(path), "--as", "ana"])
        assert result.exit_code in (1, 2)
        assert "Traceback" not in result.output


def test_a_signer_is_shown_by_name_and_key_id() -> None:
    assert signed_by("") == "unsigned"
    assert signed_by("rules.example+0a0b0c0d+AAA+A=") != "unsigned"


def test_a_signed_pack_comes_into_a_system_that_trusts_its_publisher(
    system: RunningSystem, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rules: Path
) -> None:
    monkeypatch.setenv("TENET_STATE", str(system.state))
    monkeypatch.setenv("COLUMNS", "300")

    def run(*words: str, fails: bool = False) -> str:
        result = runner.invoke(app, ["rules", *words])
        assert (result.exit_code != 0) is fails, (words, result.output)
        return result.output

    def ask(*words: str, fails: bool = False) -> str:
        return run(*words, "--as", "admin", fails=fails)

    key, signature = tmp_path / "key", str(tmp_path / "own.sig")
    public = made(key)
    shown = f"signed by {public.rpartition('+')[0]}"
    run("sign", str(rules), "--name", "own", "--key", str(key), "-o", signature)
    assert "Nobody is trusted" in ask("publishers")
    assert "unsigned" in ask("import", str(rules), "--name", "free")
    assert "RULE_PACK_SIGNER_UNTRUSTED" in ask(
        "import", str(rules), "--name", "own", "--signature", signature, fails=True
    )
    ask("trust", public, "--name", "own", "--reason", "Our own people.")
    assert "Our own people." in ask("publishers")
    assert "RULE_PACK_UNSIGNED" in ask("import", str(rules), "--name", "own", fails=True)
    assert shown in ask("import", str(rules), "--name", "own", "--signature", signature, "--deploy")
    (rules / "one.yml").write_text(RULE.replace("medium", "high"))
    refused = ask("import", str(rules), "--name", "own", "--signature", signature, fails=True)
    assert "RULE_PACK_SIGNATURE_OF_ANOTHER" in refused
    ask("distrust", public, "--reason", "Lost.")
    assert "distrusted" in ask("publishers")
    listed = [line for line in ask("packs").splitlines() if "rule_pack-" in line]
    assert [("unsigned" in line, shown in line) for line in sorted(listed, key=lambda each: "own " in each)] == [
        (True, False),
        (False, True),
    ]
    assert "of pack free" in ask("show", "5a1e3f0c-0000-4000-8000-0000000000a7")
