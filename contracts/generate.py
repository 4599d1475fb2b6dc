"""Makes the wire code in `contracts/gen` from `contracts/proto`, and checks that both still fit together.

    python -m contracts.generate                 regenerate everything
    python -m contracts.generate cases assets    only these services (and what they import must be generated already)
    python -m contracts.generate --check         drift of the generated code, buf lint, buf breaking; changes nothing
    python -m contracts.generate --freeze        accept today's wire as the baseline that may never break

The schema of protovalidate is taken from the descriptor that its Python package carries, so that validation rules in
the .proto files always agree with the validator that runs them. `contracts/gen` is on `sys.path` by itself, without
`__init__.py` files: `from tenet.cases.v1 import cases_pb2`.
"""

import argparse
import filecmp
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from protovalidate._gen.buf.validate import validate_pb

CONTRACTS = Path(__file__).resolve().parent
PROTO = CONTRACTS / "proto"
GENERATED = CONTRACTS / "gen"
FROZEN = PROTO / "frozen.binpb"
TOOLS = Path(sys.executable).parent
"""protoc's plugins and buf are installed beside the interpreter."""

VALIDATE_PROTO = "buf/validate/validate.proto"
TOOL_TIMEOUT_SECONDS = 180
_SERVICE = re.compile(r"^service \w+", re.MULTILINE)


class ToolFailed(Exception):
    """protoc or buf refused; its own words are the message."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m contracts.generate", description=__doc__.partition("\n")[0])
    parser.add_argument("services", nargs="*", help="only these services; default: all")
    parser.add_argument("--check", action="store_true", help="compare and lint, write nothing")
    parser.add_argument("--freeze", action="store_true", help="make today's wire the baseline of buf breaking")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.check:
            return check()
        changed = generate(chosen.services)
        print(f"contracts/gen: {len(changed)} file(s) changed")
        if chosen.freeze:
            _write(FROZEN, _image(with_source=False))
            print("contracts/proto/frozen.binpb: the baseline is today's wire")
    except ToolFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def generate(services: Sequence[str] = ()) -> list[Path]:
    """Brings `contracts/gen` up to date and returns the paths that changed, each replaced in one step."""
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory)
        _compile(fresh, services)
        stale = [] if services else sorted(_files(GENERATED) - _files(fresh))
        for path in stale:
            (GENERATED / path).unlink()
        changed = [path for path in sorted(_files(fresh)) if not _same(fresh / path, GENERATED / path)]
        for path in changed:
            _write(GENERATED / path, (fresh / path).read_bytes())
        return [*changed, *stale]


def check() -> int:
    """0 when generated code, style and compatibility are all right; else prints every failure and returns 1."""
    failures = _drift()
    with tempfile.TemporaryDirectory() as directory:
        image = Path(directory) / "image.binpb"
        image.write_bytes(_image(with_source=True))
        failures += _buf("lint", str(image), "--config", str(PROTO / "buf.yaml"))
        if FROZEN.exists():
            against = ("--against", str(FROZEN))
            failures += _buf("breaking", str(image), "--config", str(PROTO / "buf.yaml"), *against)
        else:
            failures.append("contracts/proto/frozen.binpb is missing: python -m contracts.generate --freeze")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _drift() -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory)
        _compile(fresh, ())
        paths = sorted(_files(fresh) | _files(GENERATED))
        return [
            f"contracts/gen/{path} is not what its .proto says: python -m contracts.generate"
            for path in paths
            if not _same(fresh / path, GENERATED / path)
        ]


def _compile(target: Path, services: Sequence[str]) -> None:
    """Runs protoc with the message, type-stub and gRPC generators into `target`."""
    target.mkdir(exist_ok=True)
    sources = _sources(services)
    with_services = [name for name in sources if _SERVICE.search((PROTO / name).read_text())]
    if not services:
        sources = [*sources, VALIDATE_PROTO]
    protoc(f"--python_out={target}", f"--mypy_out={target}", *sources)
    if with_services:
        # The kit serves and calls through asyncio only, so the stubs describe that side alone.
        protoc(f"--grpc_python_out={target}", f"--mypy_grpc_out=only_async:{target}", *with_services)


def _image(*, with_source: bool) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        image = Path(directory) / "image.binpb"
        source = ["--include_source_info"] if with_source else []
        protoc(f"--descriptor_set_out={image}", "--include_imports", *source, *_sources(()))
        return image.read_bytes()


def _sources(services: Sequence[str]) -> list[str]:
    roots = [PROTO / "tenet" / service for service in services] or [PROTO / "tenet"]
    for root in roots:
        if not root.is_dir():
            raise ToolFailed(f"There is no {root.relative_to(CONTRACTS.parent)}.")
    return sorted(str(path.relative_to(PROTO)) for root in roots for path in root.rglob("*.proto"))


def protoc(*arguments: str) -> None:
    """Runs protoc over `contracts/proto`, with protovalidate's schema at hand. Raises ToolFailed."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as imported:
        imported.write(_validate_schema())
        imported.flush()
        plugins = [f"--plugin={name}={TOOLS / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
        command = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={imported.name}"]
        _run([*command, f"-I{PROTO}", *plugins, *arguments])


def _validate_schema() -> bytes:
    """A FileDescriptorSet of `buf/validate/validate.proto` and all that it imports, dependencies first."""
    files = FileDescriptorSet()
    seen: set[str] = set()

    def add(file: object) -> None:
        name = file.name  # type: ignore[attr-defined]  # protobuf-py's DescFile is not exported by name.
        if name in seen:
            return
        seen.add(name)
        for dependency in file.dependencies:  # type: ignore[attr-defined]  # as above
            add(dependency)
        files.file.append(FileDescriptorProto.FromString(file.proto.to_binary()))  # type: ignore[attr-defined]  # as above

    add(validate_pb.desc())
    return files.SerializeToString()


def _buf(*arguments: str) -> list[str]:
    try:
        _run([str(TOOLS / "buf"), *arguments])
    except ToolFailed as failure:
        return [f"buf {arguments[0]}: {line}" for line in str(failure).splitlines()]
    return []


def _run(command: list[str]) -> None:
    finished = subprocess.run(
        command, cwd=PROTO, capture_output=True, text=True, timeout=TOOL_TIMEOUT_SECONDS, check=False
    )
    if finished.returncode != 0:
        raise ToolFailed((finished.stdout + finished.stderr).strip() or f"{command[0]} failed without a word.")


def _files(root: Path) -> set[Path]:
    return {path.relative_to(root) for path in root.rglob("*") if path.suffix in {".py", ".pyi"}}


def _same(left: Path, right: Path) -> bool:
    return left.exists() and right.exists() and filecmp.cmp(left, right, shallow=False)


def _write(path: Path, content: bytes) -> None:
    """Replaces a file in one step, so that whoever imports it meanwhile sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


if __name__ == "__main__":
    sys.exit(main())
