//! The Hugging Face Hub: search, repositories, and transfers that lose nothing.
