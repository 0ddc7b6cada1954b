-- The same statements stand in the other folder of migrations: change both.

-- Conversations that somebody of the firm said are one person's. Persons are what hangs together by these
-- rows and by a phone that channels vouch for; a row that is undone leaves everything as it was before.
CREATE TABLE customer_merges (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    joined       TEXT NOT NULL,     -- the conversation that was taken to it
    evidence     TEXT NOT NULL,     -- what spoke for it, as names: phone, name, crm
    who          TEXT NOT NULL,
    at           BIGINT NOT NULL,
    undone_at    BIGINT,
    undone_by    TEXT
);
CREATE INDEX customer_merges_by_conversation ON customer_merges (conversation);
CREATE UNIQUE INDEX customer_merges_by_joined ON customer_merges (joined) WHERE undone_at IS NULL;

-- To whom the bot says nothing, because the staff wants so.
ALTER TABLE ownership ADD COLUMN blocked_at BIGINT;
ALTER TABLE ownership ADD COLUMN blocked_by TEXT;
CREATE INDEX ownership_blocked ON ownership (blocked_at) WHERE blocked_at IS NOT NULL;
