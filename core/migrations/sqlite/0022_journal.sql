-- What was written out of the store and holds persons: an erasure cannot reach it, so its receipt names it.
CREATE TABLE exports (
    id           TEXT PRIMARY KEY,
    at           BIGINT NOT NULL,
    who          TEXT NOT NULL,
    target       TEXT NOT NULL,     -- where it went, as far as we know
    conversation TEXT               -- null: everybody's
);
CREATE INDEX exports_by_conversation ON exports (conversation);
