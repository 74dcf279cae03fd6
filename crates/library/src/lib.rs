//! Models on disk: ours and those of other programs.
