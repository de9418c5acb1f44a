"""A file of checkpoints is read after any fault: a line is there whole or not at all."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from engine.audit.checkpoint import Checkpoint, Signer, keep_checkpoint, load_checkpoint
from engine.bench import disk
from rules.errors import InvalidInput

SIGNER = Signer(base64.urlsafe_b64encode(bytes(32)).decode())


def _line(number: int) -> str:
    taken = Checkpoint(UUID(int=7), number, bytes(32), datetime(2026, 3, 1, tzinfo=UTC))
    return json.dumps(SIGNER.sign(taken))


@pytest.mark.skipif(not disk.may_mount(), reason="only where this process may mount a tmpfs can a disk be filled")
def test_a_full_disk_takes_no_half_of_a_checkpoint(tmp_path: Path) -> None:
    with disk.mounted(tmp_path / "small", megabytes=1) as small:
        kept, ballast, number = small / "checkpoints.jsonl", small / "ballast", 1
        keep_checkpoint(kept, _line(number))
        with pytest.raises(OSError, match="No space left"):
            ballast.write_bytes(bytes(2 * 1024 * 1024))
        with pytest.raises(InvalidInput, match="No space left"):
            # What is left of the file's last page takes some more.
            for number in range(2, 100):
                keep_checkpoint(kept, _line(number))
        assert number > 2
        assert load_checkpoint(kept.read_text(), public_key=SIGNER.public_key).batch_no == number - 1
        ballast.unlink()
        keep_checkpoint(kept, _line(number))
        assert load_checkpoint(kept.read_text(), public_key=SIGNER.public_key).batch_no == number
        assert len(kept.read_text().splitlines()) == number


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        keep_checkpoint(tmp_path / "nowhere" / "checkpoints.jsonl", _line(1))
