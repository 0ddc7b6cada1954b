-- The same statements stand in the other folder of migrations: change both.

-- What the journal comes to, one row a dialogue and one a visit: figures are counted from these. Nothing that was said.
CREATE TABLE kpi_dialogues (
    id           TEXT PRIMARY KEY,  -- the event that opened it
    conversation TEXT NOT NULL,
    started_at   BIGINT NOT NULL,
    facts        TEXT NOT NULL      -- JSON
);
CREATE INDEX kpi_dialogues_conversation ON kpi_dialogues (conversation, started_at);
CREATE INDEX kpi_dialogues_started ON kpi_dialogues (started_at);
CREATE TABLE kpi_visits (
    booking      TEXT PRIMARY KEY,
    made_at      BIGINT NOT NULL,
    facts        TEXT NOT NULL      -- JSON
);
CREATE INDEX kpi_visits_made ON kpi_visits (made_at);
