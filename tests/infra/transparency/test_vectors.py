"""Published vectors: a directory of the JSON files of transparency-dev/merkle, given by `--vectors DIR`.

`inclusion/**.json` have leafIdx (leafIndex in older versions), treeSize, root, leafHash, proof, desc, wantErr;
`consistency/**.json` have size1, size2, root1, root2, proof, desc, wantErr. Hashes are base64; null stands for none.
Each file is one test.
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from infra.transparency.merkle import (
    Frontier,
    ProofInvalid,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_hash,
    verify_consistency,
    verify_inclusion,
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "vector" in metafunc.fixturenames:
        given = metafunc.config.getoption("--vectors")
        if given:
            metafunc.parametrize("vector", vectors_in(Path(given)), ids=lambda path: "/".join(path.parts[-3:]))
        else:
            absent = pytest.mark.skip(reason="no directory of published vectors was given by --vectors DIR")
            metafunc.parametrize("vector", [pytest.param(None, marks=absent, id="none")])


def vectors_in(directory: Path) -> list[Path]:
    """Every vector below the directory. Raises ValueError when there is none, so that a wrong path is not a success."""
    found = [path for path in sorted(directory.rglob("*.json")) if {"inclusion", "consistency"} & set(path.parts)]
    if not found:
        raise ValueError(f"{directory} holds no inclusion/**.json and no consistency/**.json")
    return found


def agrees(vector: dict[str, Any]) -> bool:
    """Whether our verdict on the vector is the one that it wants."""
    proof = [_hash(each) for each in vector["proof"] or ()]
    try:
        if "treeSize" in vector:
            index = vector["leafIdx"] if "leafIdx" in vector else vector["leafIndex"]
            place = (index, vector["treeSize"])
            verify_inclusion(_hash(vector["leafHash"]), *place, proof, _hash(vector["root"]))
        else:
            old, new = _hash(vector["root1"]), _hash(vector["root2"])
            verify_consistency(vector["size1"], old, vector["size2"], new, proof)
    except ProofInvalid:
        return bool(vector["wantErr"])
    return not vector["wantErr"]


def _hash(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def test_a_published_vector_gets_the_verdict_that_it_wants(vector: Path) -> None:
    assert agrees(json.loads(vector.read_text(encoding="utf-8")))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def own_vectors(tmp_path: Path) -> Path:
    """Right and wrong proofs of a tree of seven leaves, in the published shape."""
    leaves = [leaf_hash(bytes([number])) for number in range(7)]

    def nodes(level: int, index: int) -> bytes:
        frontier = Frontier()
        for leaf in leaves[index << level : (index + 1) << level]:
            frontier.append(leaf)
        return frontier.root()

    inclusion = {
        "leafIdx": 4,
        "treeSize": 7,
        "root": text(root_hash(nodes, 7)),
        "leafHash": text(leaves[4]),
        "proof": [text(each) for each in inclusion_proof(nodes, 4, 7)],
    }
    consistency = {
        "size1": 3,
        "size2": 7,
        "root1": text(root_hash(nodes, 3)),
        "root2": text(root_hash(nodes, 7)),
        "proof": [text(each) for each in consistency_proof(nodes, 3, 7)],
    }
    files = {
        "inclusion/1/happy-path.json": inclusion | {"wantErr": False},
        "inclusion/1/other-leaf.json": inclusion | {"leafIdx": 5, "wantErr": True},
        "inclusion/1/no-proof.json": inclusion | {"proof": None, "wantErr": True},
        "consistency/1/happy-path.json": consistency | {"wantErr": False},
        "consistency/1/swapped-roots.json": consistency
        | {"root1": consistency["root2"], "root2": consistency["root1"], "wantErr": True},
        "consistency/1/empty-root.json": consistency | {"root1": None, "wantErr": True},
    }
    for name, vector in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(vector | {"desc": name}))
    (tmp_path / "README.json").write_text("{}")
    return tmp_path


def test_a_directory_of_vectors_is_found_and_judged(own_vectors: Path) -> None:
    found = vectors_in(own_vectors)
    assert len(found) == 6
    for path in found:
        vector = json.loads(path.read_text())
        assert agrees(vector), path
        assert not agrees(vector | {"wantErr": not vector["wantErr"]}), path


def test_a_directory_without_vectors_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no"):
        vectors_in(tmp_path)
