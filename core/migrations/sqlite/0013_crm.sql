-- What customers want of the firm, each until something comes of it.
CREATE TABLE enquiries (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    opened_at    BIGINT NOT NULL,
    closed_at    BIGINT,
    record       TEXT,              -- as the CRM names it: lead:3465
    due          BIGINT,            -- when it is to be looked at again
    version      BIGINT NOT NULL,   -- grows at each change
    state        TEXT NOT NULL      -- JSON
);
CREATE UNIQUE INDEX enquiries_open ON enquiries (conversation) WHERE closed_at IS NULL;
CREATE INDEX enquiries_by_time ON enquiries (opened_at);
CREATE INDEX enquiries_by_record ON enquiries (record) WHERE record IS NOT NULL;
CREATE INDEX enquiries_due ON enquiries (due) WHERE due IS NOT NULL;

-- The ledger: what the CRM is to be told, and what it was told.
CREATE TABLE crm_jobs (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    enquiry    TEXT NOT NULL,
    kind       TEXT NOT NULL,       -- open, update, segment, …
    body       TEXT NOT NULL,       -- JSON
    state      TEXT NOT NULL,       -- pending, in_flight, done, parked
    due        BIGINT,              -- null once it is over
    holder     TEXT,                -- who has it in hand
    attempts   BIGINT NOT NULL DEFAULT 0,
    doubt      BIGINT NOT NULL DEFAULT 0, -- 1: an earlier try may have been carried out
    started_at BIGINT,              -- of the last try
    result     TEXT,                -- the CRM's id
    reason     TEXT,                -- what became of the last try
    created_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX crm_jobs_due ON crm_jobs (due) WHERE due IS NOT NULL;
CREATE INDEX crm_jobs_open ON crm_jobs (enquiry, position) WHERE state <> 'done';
CREATE INDEX crm_jobs_by_state ON crm_jobs (state, position);

-- To whom enquiries were given, so that it is even.
CREATE TABLE crm_assignments (
    enquiry TEXT PRIMARY KEY,
    manager TEXT NOT NULL,
    at      BIGINT NOT NULL
);
CREATE INDEX crm_assignments_by_time ON crm_assignments (at);
