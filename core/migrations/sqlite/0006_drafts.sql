-- Replies that wait for approval. A fenced one, which a person overtook, has no card.
ALTER TABLE drafts ADD COLUMN state TEXT NOT NULL DEFAULT 'fenced';
ALTER TABLE drafts ADD COLUMN card TEXT;      -- JSON
ALTER TABLE drafts ADD COLUMN due BIGINT;     -- when nobody will have decided in time
ALTER TABLE drafts ADD COLUMN who TEXT;       -- who decided
ALTER TABLE drafts ADD COLUMN cause TEXT;     -- what decided, so that a repeat is the same decision
CREATE INDEX drafts_due ON drafts (due) WHERE due IS NOT NULL;
-- The message of the staff chat that shows a draft: a reply to it is another wording.
ALTER TABLE staff_messages ADD COLUMN draft TEXT;
CREATE INDEX staff_messages_by_draft ON staff_messages (draft) WHERE draft IS NOT NULL;
-- Answers of people that the bot could give the next time.
CREATE TABLE lessons (
    id           TEXT PRIMARY KEY,
    card         TEXT NOT NULL,     -- JSON
    at           BIGINT NOT NULL,
    accepted     BIGINT,            -- null: not decided
    cause        TEXT
);
