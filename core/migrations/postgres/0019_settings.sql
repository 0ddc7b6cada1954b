-- The same statements stand in the other folder of migrations: change both.

-- Content files that staff has changed, kept as the knowledge is: nothing is changed in place.
CREATE TABLE settings_versions (
    version      BIGINT PRIMARY KEY,
    at           BIGINT NOT NULL,
    who          TEXT NOT NULL,
    what         TEXT NOT NULL      -- JSON: what was changed, from what to what
);
CREATE TABLE settings_sources (
    source       TEXT NOT NULL,     -- the name of a file: business.toml
    version      BIGINT NOT NULL,
    entries      TEXT,              -- JSON: the file, and what it took the place of; null: as it lies beside zapis.toml
    PRIMARY KEY (source, version)
);
