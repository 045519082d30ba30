-- A checkpoint is a row here, and a file beside the database that its digest names ("blake3:..."). Those of earlier
-- versions ("sha256:...") have their bytes in the tables of chunks, from where they are moved into files when the
-- database is next opened; after that those tables stay empty.

ALTER TABLE checkpoints RENAME COLUMN sha256 TO digest;
UPDATE checkpoints SET digest = 'sha256:' || digest;
CREATE INDEX checkpoints_digest ON checkpoints (digest);
