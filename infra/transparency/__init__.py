"""Each tenant's transparency log: a Merkle tree over its leaf hashes, tiles, signed checkpoints, proofs."""
