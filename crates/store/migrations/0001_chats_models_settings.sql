-- "Hrth": tells our files from any other SQLite database.
PRAGMA application_id = 1215460456;

CREATE TABLE chats (
    id TEXT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    -- The last message of the branch the person sees.
    active_leaf INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER,
    FOREIGN KEY (id, active_leaf) REFERENCES messages (chat_id, seq)
) STRICT;

-- A tree: regenerating and editing make siblings, so nothing said is ever overwritten.
CREATE TABLE messages (
    seq INTEGER NOT NULL PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    chat_id TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    parent INTEGER,
    -- The place among the children of one parent, from 0.
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    role TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    status TEXT NOT NULL CHECK (status IN ('streaming', 'complete', 'stopped', 'interrupted', 'error')),
    content TEXT NOT NULL DEFAULT '',
    error TEXT,
    model TEXT,
    stats TEXT CHECK (stats IS NULL OR json_valid(stats)),
    created_at INTEGER NOT NULL,
    UNIQUE (chat_id, seq),
    UNIQUE (chat_id, parent, ordinal),
    -- No cascade along the tree: SQLite nests cascades, and a long chat is thousands deep.
    FOREIGN KEY (chat_id, parent) REFERENCES messages (chat_id, seq),
    -- A child is younger than its parent, so there is no cycle and the youngest below a message is a leaf.
    CHECK (parent IS NULL OR parent < seq),
    CHECK (role = 'assistant' OR status = 'complete')
) STRICT;

-- NULLs are distinct to UNIQUE, so the first messages of a chat need a rule of their own.
CREATE UNIQUE INDEX messages_first ON messages (chat_id, ordinal) WHERE parent IS NULL;

-- Found at every start; empty but for the reply being written.
CREATE INDEX messages_streaming ON messages (status) WHERE status = 'streaming';

CREATE TABLE models (
    id TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1)),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL CHECK (json_valid(value))
) STRICT;
