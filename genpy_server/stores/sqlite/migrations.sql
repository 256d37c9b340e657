-- The migrations of the SQLite file: the statements from each version to the next, never changed once
-- released. Tables and columns have the names they have in Supabase's schema.sql.

-- Version 1
-- Message ids are never given twice (autoincrement): they are cursors. `unspaced` belongs to the index of
-- the first two versions.

CREATE TABLE sessions (
    id integer PRIMARY KEY,
    session_id text NOT NULL UNIQUE,
    user_id text NOT NULL,
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'completed')),
    start_time text NOT NULL,
    end_time text,
    summary text,
    topics text NOT NULL DEFAULT '[]',
    sentiment text,
    metrics text NOT NULL DEFAULT '{}',
    user_rating integer CHECK (user_rating BETWEEN 1 AND 5),
    rated_at text,
    key_outcomes text NOT NULL DEFAULT '[]',
    created_at text NOT NULL,
    updated_at text NOT NULL,
    title text NOT NULL,
    note text,
    last_message_id integer NOT NULL DEFAULT 0,
    message_count integer NOT NULL DEFAULT 0,
    live_until text,
    ending_token text,
    ending_until text,
    memory text,
    memory_upto integer NOT NULL DEFAULT 0
);

CREATE TABLE session_logs (
    id integer PRIMARY KEY AUTOINCREMENT,
    session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    event_type text NOT NULL CHECK (event_type IN ('user', 'ai', 'system')),
    message text NOT NULL,
    metadata text NOT NULL DEFAULT '{}',
    created_at text NOT NULL,
    client_id text,
    uid text NOT NULL,
    words integer NOT NULL,
    unspaced text
);

CREATE INDEX sessions_by_activity ON sessions (user_id, last_message_id);
CREATE INDEX sessions_active ON sessions (last_message_id) WHERE status = 'active';
CREATE INDEX session_logs_by_session ON session_logs (session_id, id);
CREATE UNIQUE INDEX session_logs_client_id ON session_logs (session_id, client_id)
WHERE client_id IS NOT NULL;

CREATE VIRTUAL TABLE session_logs_search USING fts5 (
    message, unspaced, content = 'session_logs', content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER session_logs_added AFTER INSERT ON session_logs BEGIN
    INSERT INTO session_logs_search (rowid, message, unspaced)
    VALUES (new.id, new.message, new.unspaced);
END;

CREATE TRIGGER session_logs_removed AFTER DELETE ON session_logs BEGIN
    INSERT INTO session_logs_search (session_logs_search, rowid, message, unspaced)
    VALUES ('delete', old.id, old.message, old.unspaced);
END;

CREATE TRIGGER session_logs_changed AFTER UPDATE OF message, unspaced ON session_logs BEGIN
    INSERT INTO session_logs_search (session_logs_search, rowid, message, unspaced)
    VALUES ('delete', old.id, old.message, old.unspaced);
    INSERT INTO session_logs_search (rowid, message, unspaced)
    VALUES (new.id, new.message, new.unspaced);
END;

-- Version 2
-- Times end in Z, and metrics have the names of GenPy's first version.

UPDATE sessions SET
    start_time = replace(start_time, '+00:00', 'Z'),
    end_time = replace(end_time, '+00:00', 'Z'),
    created_at = replace(created_at, '+00:00', 'Z'),
    updated_at = replace(updated_at, '+00:00', 'Z'),
    rated_at = replace(rated_at, '+00:00', 'Z'),
    live_until = replace(live_until, '+00:00', 'Z'),
    ending_until = replace(ending_until, '+00:00', 'Z');

UPDATE session_logs SET created_at = replace(created_at, '+00:00', 'Z');
UPDATE sessions SET metrics = replace(
    json_remove(
        json_set(
            metrics,
            '$.total_messages', json_extract(metrics, '$.messages'),
            '$.ai_messages', json_extract(metrics, '$.assistant_messages')),
        '$.messages', '$.assistant_messages'),
    '+00:00"', 'Z"')
WHERE json_extract(metrics, '$.messages') IS NOT NULL;

-- Version 3
-- Servers on this file, the parts of replies in progress, and the secret behind named ids.

CREATE TABLE installation (secret text NOT NULL);
INSERT INTO installation VALUES (lower(hex(randomblob(32))));
CREATE TABLE servers (id text PRIMARY KEY, alive_until text NOT NULL) WITHOUT ROWID;
CREATE TABLE reply_journal (
    run text NOT NULL,
    position integer NOT NULL,
    session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    reply_to integer NOT NULL,
    message text NOT NULL,
    metadata text NOT NULL,
    server text NOT NULL,
    PRIMARY KEY (run, position)
);

CREATE INDEX reply_journal_by_session ON reply_journal (session_id);
ALTER TABLE sessions ADD COLUMN hosted_by text;
ALTER TABLE sessions ADD COLUMN ending_server text;
ALTER TABLE sessions ADD COLUMN ending_attempts integer NOT NULL DEFAULT 0;

-- Version 4
-- One index of messages and titles, which knows the owner. Messages below `search_progress` are indexed in
-- the background, and found by the former index until then; see `search.reindex`.

CREATE TABLE search_terms (
    id integer PRIMARY KEY,
    owner text NOT NULL,
    terms text NOT NULL,
    size integer NOT NULL,
    about_records integer NOT NULL
);

CREATE TABLE search_owners (
    owner text PRIMARY KEY,
    documents integer NOT NULL,
    size integer NOT NULL
) WITHOUT ROWID;

CREATE VIRTUAL TABLE search_index USING fts5 (
    terms, content = '', detail = none, tokenize = 'ascii'
);

CREATE VIRTUAL TABLE search_words USING fts5vocab (search_index, row);
CREATE TRIGGER search_terms_added AFTER INSERT ON search_terms BEGIN
    INSERT INTO search_index (rowid, terms)
    VALUES (new.id, replace(new.terms, ' ', ' ' || new.owner));
    INSERT INTO search_owners (owner, documents, size) VALUES (new.owner, 1, new.size)
    ON CONFLICT (owner) DO UPDATE SET documents = documents + 1, size = size + excluded.size;
END;

CREATE TRIGGER search_terms_removed AFTER DELETE ON search_terms BEGIN
    INSERT INTO search_index (search_index, rowid, terms)
    VALUES ('delete', old.id, replace(old.terms, ' ', ' ' || old.owner));
    UPDATE search_owners SET documents = documents - 1, size = size - old.size
    WHERE owner = old.owner;
END;

CREATE TRIGGER search_message_removed AFTER DELETE ON session_logs BEGIN
    DELETE FROM search_terms WHERE id = old.id;
END;

CREATE TRIGGER search_session_removed AFTER DELETE ON sessions BEGIN
    DELETE FROM search_terms WHERE id IN (-2 * old.id, -2 * old.id - 1);
END;

CREATE TABLE search_progress (below integer);
INSERT INTO search_progress SELECT coalesce(max(id) + 1, 0) FROM session_logs;
DROP TRIGGER session_logs_added;

-- Version 5
-- The metrics so far, added to by each message; null in a session that was not counted yet.

ALTER TABLE sessions ADD COLUMN counts text;

-- Version 6
-- What a person set for a conversation, as JSON.

ALTER TABLE sessions ADD COLUMN settings text NOT NULL DEFAULT '{}';

-- Version 7
-- The tools that a user allowed for good, each as it was defined then.

CREATE TABLE tool_approvals (
    user_id text NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    created_at text NOT NULL,
    PRIMARY KEY (user_id, name)
) WITHOUT ROWID;

-- Version 8
-- The servers that host a session, each until its lease expires.

CREATE TABLE hosts (
    session_id text NOT NULL REFERENCES sessions (session_id) ON DELETE CASCADE,
    server text NOT NULL,
    until text NOT NULL,
    PRIMARY KEY (session_id, server)
) WITHOUT ROWID;

CREATE INDEX hosts_by_server ON hosts (server);

-- Version 9
-- Messages below `cut_below` are indexed in the cut before that of `words.CUT`; below zero are the rows of
-- sessions that are, with the sign changed; a search finds both. At zero the index is merged, and null when
-- that is done.

ALTER TABLE search_progress ADD COLUMN cut_below integer;
UPDATE search_progress SET cut_below = (SELECT max(id) + 1 FROM search_terms WHERE id > 0);

-- Version 10
-- At which server a question waits for its reply, null for most messages; before, the last questions of a
-- session waited at the server that hosted it last (`hosted_by`, which nothing reads any more). A session has
-- its place in lists by its last message, whatever another program writes. And the terms of `words.CUT` 3.

ALTER TABLE session_logs ADD COLUMN pending_server text;
CREATE INDEX session_logs_pending ON session_logs (session_id)
WHERE pending_server IS NOT NULL;

UPDATE session_logs SET pending_server = s.hosted_by FROM sessions s
WHERE s.status = 'active' AND s.hosted_by IS NOT NULL
    AND session_logs.session_id = s.session_id AND session_logs.event_type = 'user'
    AND session_logs.id > (
        SELECT coalesce(max(CASE WHEN json_valid(r.metadata)
            THEN json_extract(r.metadata, '$.reply_to') END), 0)
        FROM session_logs r WHERE r.session_id = s.session_id);

UPDATE sessions SET last_message_id = (
    SELECT coalesce(max(m.id), 0) FROM session_logs m WHERE m.session_id = sessions.session_id)
WHERE last_message_id IS NOT (
    SELECT coalesce(max(m.id), 0) FROM session_logs m WHERE m.session_id = sessions.session_id);

CREATE TRIGGER sessions_ordered_new AFTER INSERT ON sessions
WHEN new.last_message_id IS NOT (
    SELECT coalesce(max(id), 0) FROM session_logs WHERE session_id = new.session_id)
BEGIN
    UPDATE sessions SET last_message_id = (
        SELECT coalesce(max(id), 0) FROM session_logs WHERE session_id = new.session_id)
    WHERE id = new.id;
END;

CREATE TRIGGER sessions_ordered_changed AFTER UPDATE OF last_message_id ON sessions
WHEN new.last_message_id IS NOT (
    SELECT coalesce(max(id), 0) FROM session_logs WHERE session_id = new.session_id)
BEGIN
    UPDATE sessions SET last_message_id = (
        SELECT coalesce(max(id), 0) FROM session_logs WHERE session_id = new.session_id)
    WHERE id = new.id;
END;

CREATE TRIGGER session_logs_ordered AFTER INSERT ON session_logs BEGIN
    UPDATE sessions SET last_message_id = new.id
    WHERE session_id = new.session_id AND last_message_id < new.id;
END;

UPDATE search_progress SET cut_below = (SELECT max(id) + 1 FROM search_terms WHERE id > 0);

-- Version 11
-- The terms of `words.CUT` 4: AT&T as one word, katakana as hiragana.

UPDATE search_progress SET cut_below = (SELECT max(id) + 1 FROM search_terms WHERE id > 0);

-- Version 12
-- What other programs change with SQL: a changed message loses its terms until the file is opened again, as do those
-- of a session that is given to another user; a removed one is not counted any more. And the index of the first
-- three versions is left as it is: what it never held was removed from it, which damaged it.

DROP TRIGGER IF EXISTS session_logs_removed;
DROP TRIGGER IF EXISTS session_logs_changed;

CREATE TRIGGER session_logs_rewritten AFTER UPDATE OF message ON session_logs
WHEN new.message IS NOT old.message
BEGIN
    DELETE FROM search_terms WHERE id = new.id;
    UPDATE search_progress SET cut_below = max(coalesce(cut_below, 0), new.id + 1);
    UPDATE sessions SET counts = NULL WHERE session_id = new.session_id;
END;

CREATE TRIGGER session_logs_uncounted AFTER DELETE ON session_logs BEGIN
    UPDATE sessions SET message_count = message_count - 1, counts = NULL, last_message_id = 0
    WHERE session_id = old.session_id;
END;

CREATE TRIGGER sessions_given AFTER UPDATE OF user_id ON sessions
WHEN new.user_id IS NOT old.user_id
BEGIN
    DELETE FROM search_terms
    WHERE id IN (-2 * new.id, -2 * new.id - 1)
        OR id IN (SELECT id FROM session_logs WHERE session_id = new.session_id);
    UPDATE search_progress SET cut_below = max(coalesce(cut_below, 0), new.last_message_id + 1);
END;

-- Version 13
-- What other programs insert with SQL is counted, and whatever they insert or change is in `search_missing` until it
-- is indexed, by the ids of `search_terms`. A message that is given to another session counts there. Those of
-- GenPy, which indexes and counts them itself, have an empty `unspaced`.

CREATE TABLE search_missing (id integer PRIMARY KEY);
CREATE TRIGGER session_logs_counted AFTER INSERT ON session_logs WHEN new.unspaced IS NULL BEGIN
    INSERT OR IGNORE INTO search_missing VALUES (new.id);
    UPDATE sessions SET message_count = message_count + 1, counts = NULL
    WHERE session_id = new.session_id;
END;

CREATE TRIGGER session_logs_moved AFTER UPDATE OF session_id ON session_logs
WHEN new.session_id IS NOT old.session_id
BEGIN
    DELETE FROM search_terms WHERE id = new.id;
    INSERT OR IGNORE INTO search_missing VALUES (new.id);
    UPDATE sessions SET
        message_count = message_count + iif(session_id = new.session_id, 1, -1),
        counts = NULL, last_message_id = 0
    WHERE session_id IN (old.session_id, new.session_id);
END;

DROP TRIGGER session_logs_rewritten;
CREATE TRIGGER session_logs_rewritten AFTER UPDATE OF message ON session_logs
WHEN new.message IS NOT old.message
BEGIN
    DELETE FROM search_terms WHERE id = new.id;
    INSERT OR IGNORE INTO search_missing VALUES (new.id);
    UPDATE sessions SET counts = NULL WHERE session_id = new.session_id;
END;

CREATE TRIGGER sessions_missing AFTER INSERT ON sessions BEGIN
    INSERT OR IGNORE INTO search_missing VALUES (-2 * new.id);
END;

CREATE TRIGGER sessions_rewritten AFTER UPDATE OF title, summary, topics ON sessions
WHEN (new.title, new.summary, new.topics) IS NOT (old.title, old.summary, old.topics)
BEGIN
    INSERT OR IGNORE INTO search_missing VALUES (-2 * new.id);
END;

DROP TRIGGER sessions_given;
CREATE TRIGGER sessions_given AFTER UPDATE OF user_id ON sessions
WHEN new.user_id IS NOT old.user_id
BEGIN
    DELETE FROM search_terms
    WHERE id IN (-2 * new.id, -2 * new.id - 1)
        OR id IN (SELECT id FROM session_logs WHERE session_id = new.session_id);
    INSERT OR IGNORE INTO search_missing
    SELECT id FROM session_logs WHERE session_id = new.session_id
    UNION ALL SELECT -2 * new.id;
END;
