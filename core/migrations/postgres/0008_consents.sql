-- To which version of the text a customer agreed, and when. Earlier versions stay.
CREATE TABLE consents (
    conversation TEXT NOT NULL,
    version      TEXT NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (conversation, version)
);
