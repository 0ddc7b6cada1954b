-- What the staff says often.
CREATE TABLE canned_replies (
    id    TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    text  TEXT NOT NULL
);
