-- Which message of a staff chat shows a thing of the appointment book: it is rewritten, not repeated.
CREATE TABLE staff_boards (
    desk         TEXT NOT NULL,
    key          TEXT NOT NULL,
    message      BIGINT NOT NULL,
    PRIMARY KEY (desk, key)
);
CREATE INDEX staff_boards_by_message ON staff_boards (desk, message);
