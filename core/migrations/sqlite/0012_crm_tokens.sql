-- The same statements stand in the other folder of migrations: change both.

-- What opens a CRM to an app of ours; renewed whenever the CRM refuses it.
CREATE TABLE crm_tokens (
    app          TEXT PRIMARY KEY,  -- the id that the CRM gave to the app
    member       TEXT NOT NULL,     -- the CRM's own name, whatever its address
    application  TEXT NOT NULL,     -- what its events are recognised by
    access       TEXT NOT NULL,
    refresh      TEXT NOT NULL,     -- works once
    expires_at   BIGINT NOT NULL,
    endpoint     TEXT NOT NULL,     -- where calls go
    server       TEXT NOT NULL      -- where tokens are renewed
);
