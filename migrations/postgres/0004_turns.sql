-- A job's turn: when it was queued, in microseconds, as if each level of priority were five minutes of waiting. Whoever's
-- is lowest goes first. Waiting moves all alike, so the order of two jobs never changes, and an index has it: whoever
-- claims reads its first entries, however many wait. Few are running, and those are in it because their leases may lapse.

ALTER TABLE jobs ADD COLUMN turn bigint NOT NULL GENERATED ALWAYS AS
    ((extract(epoch FROM queued_at AT TIME ZONE 'UTC') * 1000000)::bigint - priority * 300000000::bigint) STORED;
CREATE INDEX jobs_turn ON jobs (turn, id) WHERE status IN ('queued', 'running') AND attempt < 5;

-- How long the one that has waited longest has waited, and those that too many workers have died of.
DROP INDEX jobs_queued;
CREATE INDEX jobs_waiting ON jobs (queued_at) WHERE status = 'queued';
CREATE INDEX jobs_spent ON jobs (id) WHERE status = 'queued' AND attempt >= 5;
