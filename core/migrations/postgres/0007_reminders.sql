-- The same statements stand in the other folder of migrations: change both.

-- Messages about bookings that are planned, under way or over.
CREATE TABLE reminders (
    booking      TEXT NOT NULL,
    version      BIGINT NOT NULL,   -- of the booking that it speaks of
    step         TEXT NOT NULL,     -- of the plan: day_before, morning, …
    state        TEXT NOT NULL,     -- planned, sending, sent, skipped
    due          BIGINT,            -- when something is to be done; null once it is over
    until        BIGINT NOT NULL,   -- after that it helps nobody
    visit_at     BIGINT NOT NULL,   -- the beginning of the visit that it speaks of
    reason       TEXT,              -- why it ended so
    tries        TEXT NOT NULL,     -- JSON: to whom it went, in order
    PRIMARY KEY (booking, version, step)
);
CREATE INDEX reminders_due ON reminders (due) WHERE due IS NOT NULL;

-- Who else has a phone.
CREATE INDEX people_by_phone ON people (phone) WHERE phone IS NOT NULL;
