-- Jobs and all they leave. Times are whole milliseconds since 1970 by this database's clock (unixepoch('subsec')),
-- ids are UUIDs in 16 bytes, documents are JSON. migrations/postgres has the same tables in its own types.

CREATE TABLE jobs (
    id               BLOB    NOT NULL PRIMARY KEY,
    name             TEXT,
    tags             TEXT    NOT NULL,
    status           TEXT    NOT NULL CHECK (status IN
        ('queued', 'running', 'pausing', 'paused', 'cancelling', 'cancelled', 'succeeded', 'failed')),
    desired          TEXT    NOT NULL CHECK (desired IN ('run', 'pause', 'cancel')),
    dataset          TEXT    NOT NULL,
    spec             TEXT    NOT NULL,
    from_job         BLOB,
    from_step        INTEGER,
    priority         INTEGER NOT NULL,
    attempt          INTEGER NOT NULL DEFAULT 0,
    -- Grows with every claim; a write that carries an older one is refused.
    fence            INTEGER NOT NULL DEFAULT 0,
    lease_owner      BLOB,
    lease_until      INTEGER,
    worker           TEXT,
    created_at       INTEGER NOT NULL,
    queued_at        INTEGER NOT NULL,
    started_at       INTEGER,
    finished_at      INTEGER,
    last_step        INTEGER NOT NULL DEFAULT 0,
    -- The newest event's id: counted under the row's lock, so ids have no gaps and appear in order.
    last_event       INTEGER NOT NULL DEFAULT 0,
    steps_per_second REAL,
    -- The metrics of last_step, packed as a row of the metrics table.
    latest           BLOB,
    health           TEXT    NOT NULL DEFAULT '[]',
    error            TEXT,
    version          INTEGER NOT NULL DEFAULT 1,
    CHECK ((status IN ('running', 'pausing', 'cancelling')) = (lease_until IS NOT NULL)),
    CHECK ((lease_owner IS NULL) = (lease_until IS NULL))
) STRICT;

CREATE INDEX jobs_queued ON jobs (priority, queued_at, id) WHERE status = 'queued';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE status IN ('running', 'pausing', 'cancelling');
CREATE INDEX jobs_dataset ON jobs (dataset);
CREATE INDEX jobs_from ON jobs (from_job, from_step) WHERE from_job IS NOT NULL;

CREATE TABLE idempotency_keys (
    key         TEXT NOT NULL PRIMARY KEY,
    body_sha256 TEXT NOT NULL,
    job_id      BLOB NOT NULL REFERENCES jobs (id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idempotency_keys_job ON idempotency_keys (job_id);

CREATE TABLE events (
    job_id BLOB    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id     INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    kind   TEXT    NOT NULL,
    step   INTEGER,
    data   TEXT    NOT NULL,
    PRIMARY KEY (job_id, id)
) STRICT, WITHOUT ROWID;

-- One row for consecutive steps; each column holds a little-endian 32-bit float a step.
CREATE TABLE metrics (
    job_id     BLOB    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    first_step INTEGER NOT NULL,
    last_step  INTEGER NOT NULL,
    d_loss     BLOB    NOT NULL,
    g_loss     BLOB    NOT NULL,
    value      BLOB    NOT NULL,
    d_real     BLOB    NOT NULL,
    d_fake     BLOB    NOT NULL,
    PRIMARY KEY (job_id, first_step)
) STRICT;

CREATE TABLE snapshots (
    job_id BLOB    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step   INTEGER NOT NULL,
    png    BLOB    NOT NULL,
    PRIMARY KEY (job_id, step)
) STRICT;

CREATE TABLE evaluations (
    id          BLOB    NOT NULL PRIMARY KEY,
    job_id      BLOB    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step        INTEGER NOT NULL,
    protocol    TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
    -- Asked for by a user (true), or made in training (false): the latter is made again after a resume.
    requested   INTEGER NOT NULL,
    best        INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    result      TEXT,
    error       TEXT,
    attempt     INTEGER NOT NULL DEFAULT 0,
    lease_owner BLOB,
    lease_until INTEGER
) STRICT;
CREATE INDEX evaluations_job ON evaluations (job_id, step, created_at);
CREATE INDEX evaluations_waiting ON evaluations (created_at, id) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX evaluations_in_training ON evaluations (job_id, step, protocol) WHERE requested = 0;

-- A checkpoint is a row here, its chunks in order, and the chunks' bytes under their SHA-256.
CREATE TABLE checkpoints (
    job_id     BLOB    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    step       INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, step)
) STRICT;

CREATE TABLE chunks (
    sha256 BLOB NOT NULL PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoint_chunks (
    job_id   BLOB    NOT NULL,
    step     INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sha256   BLOB    NOT NULL REFERENCES chunks (sha256),
    PRIMARY KEY (job_id, step, position),
    FOREIGN KEY (job_id, step) REFERENCES checkpoints (job_id, step) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoint_chunks_sha256 ON checkpoint_chunks (sha256);
