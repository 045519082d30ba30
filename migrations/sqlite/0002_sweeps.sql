-- Grids of jobs. Which cell of its grid a job is follows from the axes and its position.

CREATE TABLE sweeps (
    id              BLOB    NOT NULL PRIMARY KEY,
    name            TEXT,
    tags            TEXT    NOT NULL,
    axes            TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    idempotency_key TEXT    UNIQUE,
    body_sha256     TEXT
) STRICT;

ALTER TABLE jobs ADD COLUMN sweep_id BLOB REFERENCES sweeps (id);
ALTER TABLE jobs ADD COLUMN sweep_position INTEGER;
CREATE INDEX jobs_sweep ON jobs (sweep_id, sweep_position) WHERE sweep_id IS NOT NULL;
