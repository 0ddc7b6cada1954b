-- People of the firm who work in the console.
CREATE TABLE staff (
    id          TEXT PRIMARY KEY,
    login       TEXT NOT NULL UNIQUE,   -- in small letters
    name        TEXT NOT NULL UNIQUE,   -- as customers and colleagues read it
    role        TEXT NOT NULL,          -- administrator, manager, owner
    location    TEXT,                   -- whose visits an administrator sees; null: all
    language    TEXT NOT NULL,          -- ru, en
    password    TEXT,                   -- argon2id; null until the first link is used
    created_at  BIGINT NOT NULL,
    disabled_at BIGINT
);

-- Links with which a person chooses a password: told once, used once.
CREATE TABLE staff_links (
    token_hash TEXT PRIMARY KEY,
    staff      TEXT NOT NULL REFERENCES staff (id),
    ends_at    BIGINT NOT NULL
);

-- Who is logged in.
CREATE TABLE staff_sessions (
    token_hash TEXT PRIMARY KEY,
    staff      TEXT NOT NULL REFERENCES staff (id),
    device     TEXT NOT NULL,           -- as the browser calls itself
    began_at   BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    ends_at    BIGINT NOT NULL
);
CREATE INDEX staff_sessions_by_staff ON staff_sessions (staff);

-- What the staff has said of chats.
CREATE TABLE chat_marks (
    conversation  TEXT PRIMARY KEY,
    assigned      TEXT,                 -- to whom of the staff
    snoozed_at    BIGINT,
    snoozed_until BIGINT                -- it comes back earlier when the customer writes
);

CREATE INDEX people_by_time ON people (wrote_at);
CREATE INDEX drafts_open ON drafts (at) WHERE state = 'proposed';
