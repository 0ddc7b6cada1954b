-- The second factor of people of the firm: what an app of theirs knows.
ALTER TABLE staff ADD COLUMN totp_secret TEXT;  -- base32; null: the password is enough
ALTER TABLE staff ADD COLUMN totp_step BIGINT;  -- the newest step whose code was accepted

-- Codes for who has lost the app: each is used once.
CREATE TABLE staff_recovery_codes (
    staff     TEXT NOT NULL REFERENCES staff (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (staff, code_hash)
);

-- Who has typed the password and owes the code.
CREATE TABLE staff_half_logins (
    token_hash TEXT PRIMARY KEY,
    staff      TEXT NOT NULL REFERENCES staff (id),
    ends_at    BIGINT NOT NULL
);

-- What did not arrive today is counted for the page of health.
CREATE INDEX ledger_failed ON ledger (claimed_at) WHERE state = 'failed' OR delivery = 4;
