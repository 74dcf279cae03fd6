-- A model becomes a set of files (a GGUF file or its shards), so path and size move from the model to its
-- files. SQLite cannot drop a UNIQUE column, so the table is made anew.
ALTER TABLE models RENAME TO models_with_one_file;

CREATE TABLE models (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    built_in INTEGER NOT NULL CHECK (built_in IN (0, 1)),
    -- The files are the person's own or another program's, and are never deleted by Hearth.
    imported INTEGER NOT NULL CHECK (imported IN (0, 1)),
    -- Where on the Hub the files come from: "org/name" and the commit.
    repo TEXT,
    revision TEXT,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    CHECK ((repo IS NULL) = (revision IS NULL))
) STRICT;

CREATE TABLE model_files (
    model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    -- Shards are named in their order, from 0; the first is the one that is opened.
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    -- One file belongs to one model, or deleting a model would damage another.
    path TEXT NOT NULL UNIQUE,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    -- What the file should hash to, in lower-case hexadecimal; none where nobody has said.
    sha256 TEXT CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    PRIMARY KEY (model_id, ordinal)
) STRICT;

-- Until now a model was either built in or a file that the person had picked.
INSERT INTO models (id, name, built_in, imported, created_at, last_used_at)
SELECT id, name, built_in, NOT built_in, created_at, last_used_at FROM models_with_one_file;

INSERT INTO model_files (model_id, ordinal, path, size_bytes)
SELECT id, 0, path, size_bytes FROM models_with_one_file;

DROP TABLE models_with_one_file;

CREATE TABLE transfers (
    id TEXT NOT NULL PRIMARY KEY,
    repo TEXT NOT NULL,
    -- A commit and never a branch, which could move between two halves of a file.
    revision TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'failed', 'done')),
    error TEXT,
    cause TEXT CHECK (cause IN (
        'offline', 'rateLimited', 'tokenWrong', 'needsToken', 'gated', 'repoGone', 'notJson', 'clockOff', 'diskFull',
        'folderGone', 'damaged', 'other'
    )),
    -- The place in the queue. Not UNIQUE: SQLite checks that row by row, and moving one shifts many.
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    CHECK (error IS NULL OR state = 'failed'),
    CHECK ((cause IS NULL) = (error IS NULL))
) STRICT;

CREATE TABLE transfer_files (
    transfer_id TEXT NOT NULL REFERENCES transfers (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    -- The name inside the repo.
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    -- The Hub has no SHA-256 of small files.
    sha256 TEXT CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    etag TEXT NOT NULL,
    complete INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),
    PRIMARY KEY (transfer_id, ordinal),
    UNIQUE (transfer_id, path)
) STRICT;

-- What of an incomplete file is safe on the disk: no byte counts that was not fsynced before.
CREATE TABLE transfer_segments (
    transfer_id TEXT NOT NULL,
    file INTEGER NOT NULL,
    start_byte INTEGER NOT NULL CHECK (start_byte >= 0),
    -- Exclusive.
    end_byte INTEGER NOT NULL,
    -- Counted from start_byte.
    done_bytes INTEGER NOT NULL,
    PRIMARY KEY (transfer_id, file, start_byte),
    FOREIGN KEY (transfer_id, file) REFERENCES transfer_files (transfer_id, ordinal) ON DELETE CASCADE,
    CHECK (done_bytes BETWEEN 0 AND end_byte - start_byte)
) STRICT, WITHOUT ROWID;

-- Answers of the Hub, so that what was seen can be seen again without a network.
CREATE TABLE hub_pages (
    key TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    -- The Link header, which names the next page.
    link TEXT,
    -- Of the body, so that adding them up reads no bodies.
    size_bytes INTEGER NOT NULL,
    fetched_at INTEGER NOT NULL
) STRICT;

CREATE INDEX hub_pages_newest ON hub_pages (fetched_at DESC, key, size_bytes);

-- Not tied to rows of models: what was measured holds for the same file when it is downloaded again.
CREATE TABLE measurements (
    id INTEGER NOT NULL PRIMARY KEY,
    model_key TEXT NOT NULL,
    machine_key TEXT NOT NULL,
    context INTEGER NOT NULL CHECK (context >= 0),
    peak_bytes INTEGER CHECK (peak_bytes >= 0),
    decode_tokens_per_second REAL CHECK (decode_tokens_per_second > 0),
    prompt_tokens_per_second REAL CHECK (prompt_tokens_per_second > 0),
    load_milliseconds INTEGER CHECK (load_milliseconds >= 0),
    measured_at INTEGER NOT NULL
) STRICT;

CREATE INDEX measurements_newest ON measurements (model_key, machine_key, id);
