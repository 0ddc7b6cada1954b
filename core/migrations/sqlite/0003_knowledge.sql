-- The same statements stand in the other folder of migrations: change both.

-- What the firm has brought in. Nothing is changed in place: each import, removal and way back makes the next
-- version, and what holds at a version is the newest row of each source up to it.
CREATE TABLE knowledge_versions (
    version      BIGINT PRIMARY KEY,
    at           BIGINT NOT NULL,
    who          TEXT NOT NULL,
    what         TEXT NOT NULL
);
CREATE TABLE knowledge_sources (
    source       TEXT NOT NULL,     -- the name of a file, or the address of a site
    version      BIGINT NOT NULL,
    entries      TEXT,              -- JSON; null: gone
    PRIMARY KEY (source, version)
);
