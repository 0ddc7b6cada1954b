-- The same statements stand in the other folder of migrations: change both.

-- Conversations that were erased, as keyed hashes: what was accepted before is settled without keeping it.
CREATE TABLE tombstones (
    person       TEXT PRIMARY KEY,
    at           BIGINT NOT NULL
);
-- Erasures and their receipts.
CREATE TABLE erasures (
    id           TEXT PRIMARY KEY,
    begun_at     BIGINT NOT NULL,
    begun_by     TEXT NOT NULL,
    ended_at     BIGINT,            -- null: to be finished
    todo         TEXT,              -- JSON: whose data; null once the store holds none of it
    receipt      TEXT NOT NULL      -- JSON
);
CREATE INDEX erasures_open ON erasures (begun_at) WHERE ended_at IS NULL;
-- Who of the staff looked at which conversation, once an hour.
CREATE TABLE staff_looks (
    conversation TEXT NOT NULL,
    staff        TEXT NOT NULL,     -- the name
    hour         BIGINT NOT NULL,   -- its beginning
    PRIMARY KEY (conversation, staff, hour)
);
CREATE INDEX staff_looks_by_hour ON staff_looks (hour);
