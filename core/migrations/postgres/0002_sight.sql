-- The same statements stand in the other folder of migrations: change both.

-- The step that claimed a message (W3C traceparent): what the provider reports later hangs on it.
ALTER TABLE ledger ADD COLUMN trace TEXT;

-- What metrics count every few seconds, and what `zapis trace` looks for by conversation.
CREATE INDEX ownership_by_person ON ownership (until) WHERE staff IS NOT NULL;
CREATE INDEX dead_by_lane ON dead (lane);
CREATE INDEX parked_by_lane_alone ON parked (lane, position);
