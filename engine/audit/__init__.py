"""The audit ledger: decisions, deliveries and outcomes sealed in a chain that reveals any later change.

`seal` appends batches, `verify` recomputes everything from the tables, `prove` gives a proof of one record that a
script verifies by itself, `checkpoint` signs the newest head so that it can be kept outside the database.
"""

from engine.audit.checkpoint import Checkpoint, Signer, checkpoint, read_checkpoint
from engine.audit.prove import prove
from engine.audit.seal import Sealed, seal
from engine.audit.verify import Finding, Verified, verify

__all__ = [
    "Checkpoint",
    "Finding",
    "Sealed",
    "Signer",
    "Verified",
    "checkpoint",
    "prove",
    "read_checkpoint",
    "seal",
    "verify",
]
