"""The wire's toolchain on a tree of its own: what it makes, and what it does not let pass."""

import shutil
from pathlib import Path

import pytest

from contracts import generate

GOOD = """
syntax = "proto3";

package tenet.trial.v1;

import "buf/validate/validate.proto";

// Tries.
service TrialReadService {
  // Gets a trial.
  rpc GetTrial(GetTrialRequest) returns (GetTrialResponse);
}

message GetTrialRequest {
  string tenant_id = 1;
  string name = 3 [(buf.validate.field).string.max_len = 10];
}

message GetTrialResponse {
  string name = 1;
}
"""


@pytest.fixture
def proto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with one good service, generated and frozen; returns its .proto file."""
    root = tmp_path / "proto"
    file = root / "tenet" / "trial" / "v1" / "trial_read.proto"
    file.parent.mkdir(parents=True)
    file.write_text(GOOD)
    shutil.copy(generate.PROTO / "buf.yaml", root / "buf.yaml")
    monkeypatch.setattr(generate, "CONTRACTS", tmp_path)
    monkeypatch.setattr(generate, "PROTO", root)
    monkeypatch.setattr(generate, "GENERATED", tmp_path / "gen")
    monkeypatch.setattr(generate, "FROZEN", root / "frozen.binpb")
    assert generate.main(["--freeze"]) == 0
    return file


def test_messages_stubs_services_and_validation_rules_are_generated(proto: Path) -> None:
    made = {str(path.relative_to(generate.GENERATED)) for path in generate.GENERATED.rglob("*.py*")}
    assert made == {
        "buf/validate/validate_pb2.py",
        "buf/validate/validate_pb2.pyi",
        "tenet/trial/v1/trial_read_pb2.py",
        "tenet/trial/v1/trial_read_pb2.pyi",
        "tenet/trial/v1/trial_read_pb2_grpc.py",
        "tenet/trial/v1/trial_read_pb2_grpc.pyi",
    }


def test_what_was_generated_and_frozen_passes(proto: Path) -> None:
    assert generate.check() == 0


def test_generating_again_changes_nothing(proto: Path) -> None:
    assert generate.generate() == []


def test_code_whose_source_is_gone_goes_too(proto: Path) -> None:
    other = proto.with_name("other.proto")
    other.write_text('syntax = "proto3";\n\npackage tenet.trial.v1;\n\nmessage Other {}\n')
    generate.generate()
    other.unlink()
    assert [path.name for path in generate.generate()] == ["other_pb2.py", "other_pb2.pyi"]
    assert not list(generate.GENERATED.rglob("other_pb2*"))


def test_one_service_can_be_generated_while_another_is_half_written(proto: Path) -> None:
    broken = generate.PROTO / "tenet" / "broken" / "v1" / "broken.proto"
    broken.parent.mkdir(parents=True)
    broken.write_text("syntax = ")
    proto.write_text(GOOD.replace("string name = 1;", "string name = 1;\n  string more = 2;"))
    assert len(generate.generate(["trial"])) == 2
    with pytest.raises(generate.ToolFailed, match=r"broken\.proto"):
        generate.generate()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("string name = 1;", "string name = 1;\n  string more = 2;"), "is not what its .proto says"),
        (("string name = 1;", "int32 name = 1;"), 'changed type from "string" to "int32"'),
        (("  // Gets a trial.\n", ""), "non-empty comment"),
        (("string name = 3", "string Name = 3"), "lower_snake_case"),
        (("max_len = 10", "min_len = 11, (buf.validate.field).string.max_len = 10"), "min_len"),
    ],
)
def test_drift_style_wrong_rules_and_broken_promises_are_found(
    proto: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], complaint: str
) -> None:
    changed = GOOD.replace(*change)
    assert changed != GOOD
    proto.write_text(changed)
    assert generate.check() == 1
    assert complaint in capsys.readouterr().err


def test_an_edit_of_generated_code_is_found(proto: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (generate.GENERATED / "tenet/trial/v1/trial_read_pb2.py").write_text("# edited\n")
    assert generate.check() == 1
    assert "trial_read_pb2.py is not what its .proto says" in capsys.readouterr().err


def test_without_a_baseline_nothing_is_promised_and_the_check_fails(
    proto: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate.FROZEN.unlink()
    assert generate.check() == 1
    assert "--freeze" in capsys.readouterr().err
