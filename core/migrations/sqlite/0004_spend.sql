-- What language models cost, by day; the scope is a conversation, or empty for all of them.
CREATE TABLE spend (
    day          TEXT NOT NULL,
    scope        TEXT NOT NULL,
    tokens       BIGINT NOT NULL,
    micros       BIGINT NOT NULL,   -- millionths of the currency of the prices
    PRIMARY KEY (day, scope)
);
