-- Addresses under which the book is read as a calendar.
CREATE TABLE feeds (
    id           TEXT PRIMARY KEY,
    token_hash   TEXT NOT NULL UNIQUE,  -- SHA-256 in hex; the token itself is nowhere
    kind         TEXT NOT NULL,         -- person, location
    whose        TEXT NOT NULL,         -- the id of the person or the location
    created_at   BIGINT NOT NULL,
    created_by   TEXT,
    revoked_at   BIGINT
);
