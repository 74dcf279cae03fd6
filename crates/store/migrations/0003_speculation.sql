-- Whether a model's replies are speculated, and the smaller model that drafts for it beside the text itself.
ALTER TABLE models ADD COLUMN speculates INTEGER NOT NULL DEFAULT 1 CHECK (speculates IN (0, 1));
ALTER TABLE models ADD COLUMN draft_id TEXT REFERENCES models (id) ON DELETE SET NULL CHECK (draft_id <> id);

-- What speculation was measured to bring, the newest of each pair. Keys as in measurements.
CREATE TABLE speculation_measurements (
    model_key TEXT NOT NULL,
    -- Empty where the text alone drafts.
    draft_key TEXT NOT NULL,
    machine_key TEXT NOT NULL,
    plain_tokens_per_second REAL NOT NULL CHECK (plain_tokens_per_second > 0),
    tokens_per_second REAL NOT NULL CHECK (tokens_per_second > 0),
    measured_at INTEGER NOT NULL,
    PRIMARY KEY (model_key, draft_key, machine_key)
) STRICT, WITHOUT ROWID;
