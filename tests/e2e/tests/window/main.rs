//! What a person can do with Hearth, done in the real window with the real worker and real model files.

#![cfg(target_os = "linux")]

mod bad_files;
mod chats;
mod crashes;
mod dark;
mod database;
mod first_start;
mod hub;
mod keyboard;
mod kinds;
mod models;
mod replies;
mod safetensors;
mod second_start;
mod speculation;
mod thinking;
