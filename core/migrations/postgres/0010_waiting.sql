-- The same statements stand in the other folder of migrations: change both.

-- Who waits for a time to become free.
CREATE TABLE waiting (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    version      BIGINT NOT NULL,   -- grows at each change
    is_open      BIGINT NOT NULL,   -- 0 once it is over
    due          BIGINT,            -- when what is offered is given up; null where nothing is
    entry        TEXT NOT NULL      -- JSON
);
CREATE INDEX waiting_open ON waiting (created_at, id) WHERE is_open = 1;
CREATE INDEX waiting_by_conversation ON waiting (conversation);
