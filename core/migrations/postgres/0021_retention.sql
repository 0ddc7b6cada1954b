-- The same statements stand in the other folder of migrations: change both.

-- What was taken out of a row because its time was over: 0 nothing, 1 the words, 2 the person too.
ALTER TABLE events ADD COLUMN bared BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN bared BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bookings ADD COLUMN bared BIGINT NOT NULL DEFAULT 0;
DROP INDEX events_by_time;
CREATE INDEX events_by_time ON events (timestamp, bared);

-- When something was said, and when a messenger first told of a message; null in rows from before.
ALTER TABLE chat_log ADD COLUMN at BIGINT;
ALTER TABLE provider_messages ADD COLUMN at BIGINT;

-- What goes with a customer is found by the conversation.
CREATE INDEX staff_messages_by_conversation ON staff_messages (conversation);
CREATE INDEX visitors_by_conversation ON visitors (conversation);
