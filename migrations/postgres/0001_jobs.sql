-- Jobs and all they leave. migrations/sqlite has the same tables in its own types.

CREATE TABLE jobs (
    id               uuid        NOT NULL PRIMARY KEY,
    name             text,
    tags             jsonb       NOT NULL,
    status           text        NOT NULL CHECK (status IN
        ('queued', 'running', 'pausing', 'paused', 'cancelling', 'cancelled', 'succeeded', 'failed')),
    desired          text        NOT NULL CHECK (desired IN ('run', 'pause', 'cancel')),
    dataset          text        NOT NULL,
    spec             jsonb       NOT NULL,
    from_job         uuid,
    from_step        bigint,
    priority         integer     NOT NULL,
    attempt          integer     NOT NULL DEFAULT 0,
    -- Grows with every claim; a write that carries an older one is refused.
    fence            bigint      NOT NULL DEFAULT 0,
    lease_owner      uuid,
    lease_until      timestamptz,
    worker           text,
    created_at       timestamptz NOT NULL,
    queued_at        timestamptz NOT NULL,
    started_at       timestamptz,
    finished_at      timestamptz,
    last_step        bigint      NOT NULL DEFAULT 0,
    -- The newest event's id: counted under the row's lock, so ids have no gaps and appear in order.
    last_event       bigint      NOT NULL DEFAULT 0,
    steps_per_second double precision,
    -- The metrics of last_step, packed as a row of the metrics table.
    latest           bytea,
    health           jsonb       NOT NULL DEFAULT '[]',
    error            jsonb,
    version          bigint      NOT NULL DEFAULT 1,
    CHECK ((status IN ('running', 'pausing', 'cancelling')) = (lease_until IS NOT NULL)),
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL))
);

CREATE INDEX jobs_queued ON jobs (priority, queued_at, id) WHERE status = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE status IN ('running', 'pausing', 'cancelling');
CREATE INDEX jobs_dataset ON jobs (dataset);
CREATE INDEX jobs_from ON jobs (from_job, from_step) WHERE from_job IS NOT NULL;

CREATE TABLE idempotency_keys (
    key         text NOT NULL PRIMARY KEY,
    body_sha256 text NOT NULL,
    job_id      uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_job ON idempotency_keys (job_id);

CREATE TABLE events (
    job_id uuid        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id     bigint      NOT NULL,
    at     timestamptz NOT NULL,
    kind   text        NOT NULL,
    step   bigint,
    data   jsonb       NOT NULL,
    PRIMARY KEY (job_id, id)
);

-- One row for consecutive steps; each column holds a little-endian 32-bit float a step.
CREATE TABLE metrics (
    job_id     uuid   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    first_step bigint NOT NULL,
    last_step  bigint NOT NULL,
    d_loss     bytea  NOT NULL,
    g_loss     bytea  NOT NULL,
    value      bytea  NOT NULL,
    d_real     bytea  NOT NULL,
    d_fake     bytea  NOT NULL,
    PRIMARY KEY (job_id, first_step)
);

CREATE TABLE snapshots (
    job_id uuid   NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step   bigint NOT NULL,
    png    bytea  NOT NULL,
    PRIMARY KEY (job_id, step)
);

CREATE TABLE evaluations (
    id          uuid        NOT NULL PRIMARY KEY,
    job_id      uuid        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step        bigint      NOT NULL,
    protocol    text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
    -- Asked for by a user (true), or made in training (false): the latter is made again after a resume.
    requested   boolean     NOT NULL,
    best        boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    result      jsonb,
    error       text,
    attempt     integer     NOT NULL DEFAULT 0,
    lease_owner uuid,
    lease_until timestamptz
);
CREATE INDEX evaluations_job ON evaluations (job_id, step, created_at);
CREATE INDEX evaluations_waiting ON evaluations (created_at, id) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX evaluations_in_training ON evaluations (job_id, step, protocol) WHERE NOT requested;

-- A checkpoint is a row here, its chunks in order, and the chunks' bytes under their SHA-256.
CREATE TABLE checkpoints (
    job_id     uuid        NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step       bigint      NOT NULL,
    sha256     text        NOT NULL,
    size_bytes bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (job_id, step)
);

CREATE TABLE chunks (
    sha256 bytea NOT NULL PRIMARY KEY,
    bytes  bytea NOT NULL
);
-- Weights do not compress; do not spend time on trying.
ALTER TABLE chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE checkpoint_chunks (
    job_id   uuid    NOT NULL,
    step     bigint  NOT NULL,
    position integer NOT NULL,
    sha256   bytea   NOT NULL REFERENCES chunks (sha256),
    PRIMARY KEY (job_id, step, position),
    FOREIGN KEY (job_id, step) REFERENCES checkpoints (job_id, step) ON DELETE CASCADE
);
CREATE INDEX checkpoint_chunks_sha256 ON checkpoint_chunks (sha256);
