-- The same statements stand in the other folder of migrations: change both.

-- The appointment book. The table of this name had no rows yet: nothing wrote into it.
DROP TABLE bookings;
CREATE TABLE bookings (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    active       BIGINT NOT NULL,   -- 1 while it takes time: not cancelled, not missed
    conversation TEXT,
    phone        TEXT,              -- E.164
    starts_at    BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    booking      TEXT NOT NULL      -- JSON, all of it
);
CREATE INDEX bookings_by_conversation ON bookings (conversation, ends_at);
CREATE INDEX bookings_by_phone ON bookings (phone, ends_at);
CREATE INDEX bookings_by_time ON bookings (ends_at);

-- Visits that are kept free for a conversation for a while. A booking takes one, once.
CREATE TABLE book_holds (
    id           TEXT PRIMARY KEY,
    conversation TEXT NOT NULL,
    place        TEXT NOT NULL,     -- services, resources and starts: one open hold of each
    cause        TEXT NOT NULL,     -- the turn that made it
    booking      TEXT UNIQUE,       -- what took it; null while it is open
    visit        TEXT NOT NULL      -- JSON
);
CREATE UNIQUE INDEX book_holds_open ON book_holds (conversation, place) WHERE booking IS NULL;

-- What takes the time of a resource. Visits and holds of one resource never overlap.
CREATE TABLE book_spans (
    id           TEXT NOT NULL,     -- of the booking, the hold or the block
    resource     TEXT NOT NULL,
    starts_at    BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    kind         TEXT NOT NULL,     -- visit, hold, block
    conversation TEXT,              -- of a hold
    expires_at   BIGINT,            -- of a hold
    note         TEXT,              -- of a block
    PRIMARY KEY (id, resource, starts_at)
);
CREATE INDEX book_spans_by_time ON book_spans (resource, ends_at);

-- Whoever takes time of a resource locks the days of it first, in this order.
CREATE TABLE book_days (
    resource     TEXT NOT NULL,
    day          BIGINT NOT NULL,   -- of UTC, since 1970
    version      BIGINT NOT NULL,
    PRIMARY KEY (resource, day)
);

-- Everything that became of bookings. Positions are given out to one transaction at a time.
CREATE TABLE book_changes (
    position     INTEGER PRIMARY KEY AUTOINCREMENT,
    booking      TEXT NOT NULL,
    cause        TEXT NOT NULL,
    kind         TEXT NOT NULL,
    version      BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    who          TEXT NOT NULL,
    before       TEXT,              -- JSON; null for a new booking
    after        TEXT NOT NULL,     -- JSON
    UNIQUE (booking, cause, kind)
);

-- Working time of one date that differs from the file.
CREATE TABLE book_hours (
    resource     TEXT NOT NULL,     -- a person, a room or a location
    date         TEXT NOT NULL,
    spans        TEXT NOT NULL,     -- JSON, minutes of the day: [[600, 1200]]; none: off
    who          TEXT NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (resource, date)
);
CREATE INDEX book_hours_by_date ON book_hours (date);


-- What is put away from time to time: holds that expired long ago, and locks of days that are over.
CREATE INDEX book_spans_by_expiry ON book_spans (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX book_days_by_day ON book_days (day);
