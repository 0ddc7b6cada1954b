-- The same statements stand in the other folder of migrations: change both.

-- Experiments of `experiments.toml` that somebody has ended; the others go on as the file says.
CREATE TABLE experiment_ends (
    experiment   TEXT PRIMARY KEY,
    keeps        TEXT,              -- the arm that everybody gets; null: the control
    who          TEXT NOT NULL,
    at           BIGINT NOT NULL
);
