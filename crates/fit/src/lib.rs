//! The verdict: can the engine run a model here, does it fit, how fast.
