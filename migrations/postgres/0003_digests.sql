-- Checkpoints and chunks are named by their BLAKE3; those of earlier versions by their SHA-256, as their digest says.

ALTER TABLE checkpoints RENAME COLUMN sha256 TO digest;
UPDATE checkpoints SET digest = 'sha256:' || digest;
ALTER TABLE chunks RENAME COLUMN sha256 TO digest;
ALTER TABLE checkpoint_chunks RENAME COLUMN sha256 TO digest;
ALTER INDEX checkpoint_chunks_sha256 RENAME TO checkpoint_chunks_digest;
