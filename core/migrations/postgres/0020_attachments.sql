-- The same statements stand in the other folder of migrations: change both.

-- Files that customers sent: the bytes stay at the messenger.
CREATE TABLE attachments (
    conversation TEXT NOT NULL,
    inbound      TEXT NOT NULL,     -- the native id of the message
    position     BIGINT NOT NULL,   -- which of its files
    file         TEXT NOT NULL,     -- JSON: kind, the messenger's id, type, name, size
    at           BIGINT NOT NULL,
    PRIMARY KEY (conversation, inbound, position)
);
