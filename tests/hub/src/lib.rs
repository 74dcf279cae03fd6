//! A Hugging Face Hub on loopback, with its faults.
