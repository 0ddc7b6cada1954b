-- Times are milliseconds since 1970 (UTC), ids and JSON documents are text, flags are 0 or 1.
-- The same tables exist in the other folder of migrations: change both.

-- Who may speak in a conversation. No row: the bot, epoch 0.
CREATE TABLE ownership (
    conversation TEXT PRIMARY KEY,
    staff        TEXT,              -- null: the bot
    until        BIGINT,            -- null with staff: without end
    epoch        BIGINT NOT NULL
);
-- What has changed ownership, so that a repeat changes nothing.
CREATE TABLE ownership_causes (
    conversation TEXT NOT NULL,
    cause        TEXT NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (conversation, cause)
);

-- The send ledger: one row per outbound message that was ever claimed.
CREATE TABLE ledger (
    position     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    conversation TEXT NOT NULL,
    turn         TEXT,
    state        TEXT NOT NULL,     -- claimed, sent, failed, doubt, fenced, answered, free (given back)
    attempts     BIGINT NOT NULL,
    claimed_at   BIGINT NOT NULL,
    provider_id  TEXT,
    delivery     BIGINT,            -- 1 sent, 2 delivered, 3 read, 4 failed
    error_code   TEXT,
    error_text   TEXT
);
CREATE INDEX ledger_by_conversation ON ledger (conversation, position);
-- Which turn answers an inbound message.
CREATE TABLE answered (
    conversation TEXT NOT NULL,
    inbound_id   TEXT NOT NULL,
    turn         TEXT NOT NULL,
    PRIMARY KEY (conversation, inbound_id)
);
-- Messages as the provider names them. Whoever comes first makes the row: the outcome of our call
-- (outbound) or the provider's report (delivery).
CREATE TABLE provider_messages (
    account      TEXT NOT NULL,     -- channel:account
    provider_id  TEXT NOT NULL,
    outbound     TEXT,
    delivery     BIGINT,            -- as in ledger
    error_code   TEXT,
    error_text   TEXT,
    PRIMARY KEY (account, provider_id)
);
-- What a reminder is about.
CREATE TABLE bookings (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    active       BIGINT NOT NULL
);

-- Which native ids are the same person on an account. The peer itself has a row too.
CREATE TABLE peers (
    channel      TEXT NOT NULL,
    account      TEXT NOT NULL,
    native_id    TEXT NOT NULL,
    peer         TEXT NOT NULL,
    PRIMARY KEY (channel, account, native_id)
);
CREATE INDEX peers_by_peer ON peers (channel, account, peer);
-- What is known of the person in a conversation, each thing with the time of the news.
CREATE TABLE people (
    conversation      TEXT PRIMARY KEY,
    wrote_at          BIGINT,
    name              TEXT,
    name_at           BIGINT,
    username          TEXT,
    username_at       BIGINT,
    phone             TEXT,
    phone_at          BIGINT,
    blocked           BIGINT,
    blocked_at        BIGINT,
    no_advertising    BIGINT,
    no_advertising_at BIGINT
);

-- How often a message of the queue was tried after its first delivery.
CREATE TABLE attempts (
    topic        TEXT NOT NULL,
    message_id   TEXT NOT NULL,
    count        BIGINT NOT NULL,
    PRIMARY KEY (topic, message_id)
);
-- Messages set aside for a person to look at.
CREATE TABLE dead (
    position     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    topic        TEXT NOT NULL,
    lane         TEXT NOT NULL,
    message_id   TEXT NOT NULL,
    reason       TEXT NOT NULL,
    body         BYTEA NOT NULL,
    at           BIGINT NOT NULL,
    retry        BIGINT NOT NULL    -- 1: to be published again
);
CREATE INDEX dead_by_time ON dead (at);
-- Lanes that wait long, and what waits in them.
CREATE TABLE parked_lanes (
    topic        TEXT NOT NULL,
    lane         TEXT NOT NULL,
    due          BIGINT NOT NULL,
    PRIMARY KEY (topic, lane)
);
CREATE TABLE parked (
    position     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        TEXT NOT NULL,
    lane         TEXT NOT NULL,
    message_id   TEXT NOT NULL,
    body         BYTEA NOT NULL,
    trace        TEXT NOT NULL,
    UNIQUE (topic, lane, message_id)
);
CREATE INDEX parked_by_lane ON parked (topic, lane, position);

-- The web-chat log. The entry is JSON.
CREATE TABLE chat_log (
    conversation TEXT NOT NULL,
    seq          BIGINT NOT NULL,
    id           TEXT NOT NULL,
    entry        TEXT NOT NULL,
    published    BIGINT NOT NULL,
    PRIMARY KEY (conversation, seq),
    UNIQUE (conversation, id)
);
CREATE TABLE chat_reads (
    conversation TEXT PRIMARY KEY,
    seq          BIGINT NOT NULL
);
CREATE TABLE visitors (
    token_hash   TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    at           BIGINT NOT NULL
);

-- Where the staff sees a conversation.
CREATE TABLE staff_threads (
    conversation TEXT PRIMARY KEY,
    desk         TEXT NOT NULL,
    thread       BIGINT NOT NULL,
    topic        BIGINT NOT NULL    -- 1: a forum topic
);
CREATE INDEX staff_threads_by_thread ON staff_threads (desk, thread);
CREATE TABLE staff_messages (
    desk         TEXT NOT NULL,
    message      BIGINT NOT NULL,
    conversation TEXT NOT NULL,
    PRIMARY KEY (desk, message)
);
CREATE TABLE desk_moves (
    old_desk     TEXT PRIMARY KEY,
    new_desk     TEXT NOT NULL
);
-- Calls for a person. One open call per conversation.
CREATE TABLE escalations (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    reason       TEXT NOT NULL,
    card         TEXT NOT NULL,
    at           BIGINT NOT NULL,
    stage        BIGINT NOT NULL,
    due          BIGINT,
    closed_at    BIGINT
);
CREATE UNIQUE INDEX escalations_open ON escalations (conversation) WHERE closed_at IS NULL;
CREATE INDEX escalations_due ON escalations (due) WHERE closed_at IS NULL;
-- Replies that wait for a person.
CREATE TABLE drafts (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    text         TEXT NOT NULL,
    reason       TEXT NOT NULL,
    at           BIGINT NOT NULL
);
CREATE INDEX drafts_by_conversation ON drafts (conversation, at);

CREATE TABLE leases (
    name         TEXT PRIMARY KEY,
    holder       TEXT NOT NULL,
    until        BIGINT NOT NULL
);
CREATE TABLE small_values (
    name         TEXT PRIMARY KEY,
    value        TEXT NOT NULL
);
CREATE TABLE buttons (
    conversation TEXT NOT NULL,
    short        TEXT NOT NULL,
    payload      TEXT NOT NULL,
    PRIMARY KEY (conversation, short)
);

-- The journal: append-only. The event is JSON, the columns beside it are for searching.
CREATE TABLE events (
    position     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id     TEXT NOT NULL UNIQUE,
    timestamp    BIGINT NOT NULL,
    kind         TEXT NOT NULL,
    conversation TEXT,
    event        TEXT NOT NULL
);
CREATE INDEX events_by_conversation ON events (conversation, position);
CREATE INDEX events_by_time ON events (timestamp);
