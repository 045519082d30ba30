-- Grids of jobs. Which cell of its grid a job is follows from the axes and its position.

CREATE TABLE sweeps (
    id              uuid        NOT NULL PRIMARY KEY,
    name            text,
    tags            jsonb       NOT NULL,
    axes            jsonb       NOT NULL,
    created_at      timestamptz NOT NULL,
    idempotency_key text        UNIQUE,
    body_sha256     text
);

ALTER TABLE jobs ADD COLUMN sweep_id uuid REFERENCES sweeps (id);
ALTER TABLE jobs ADD COLUMN sweep_position integer;
CREATE INDEX jobs_sweep ON jobs (sweep_id, sweep_position) WHERE sweep_id IS NOT NULL;
