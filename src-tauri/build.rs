//! Declares the window's commands and makes what a fresh clone lacks.

use std::path::Path;

/// Every command the UI may call. Each is granted to a window in `capabilities/`, or it is refused at run time.
const COMMANDS: &[&str] = &[
    "start",
    "subscribe",
    "retry_store",
    "set_aside_store",
    "open_data_folder",
    "create_chat",
    "rename_chat",
    "delete_chat",
    "restore_chat",
    "open_chat",
    "choose_branch",
    "send",
    "regenerate",
    "edit_and_resend",
    "stop",
    "list_models",
    "pick_model",
    "load_model",
    "unload_model",
    "forget_model",
    "get_settings",
    "set_settings",
    "open_link",
    "this_computer",
    "measure_computer",
    "suggestions",
    "search_hub",
    "open_repo",
    "suggest_draft",
    "price_variant",
    "download_variant",
    "list_downloads",
    "pause_download",
    "resume_download",
    "cancel_download",
    "move_download",
    "library",
    "find_models",
    "use_found_model",
    "price_model",
    "verify_model",
    "set_quantisation",
    "keep_quantised",
    "drop_quantised",
    "set_speculation",
    "measure_speculation",
    "stop_measuring",
    "preview_delete",
    "delete_model",
    "hub_account",
    "set_hub_token",
    "clear_hub_token",
    "open_repo_page",
];

fn main() {
    if !Path::new("ui/dist/index.html").exists() {
        println!("cargo:warning=ui/dist is empty, so the window will be too: run `cargo xtask build`");
    }
    if let Err(error) = std::fs::create_dir_all("ui/dist") {
        println!("cargo:warning=ui/dist could not be made: {error}");
    }
    let manifest = tauri_build::AppManifest::new().commands(COMMANDS);
    if let Err(error) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(manifest)) {
        println!("cargo:warning={error:#}");
        std::process::exit(1);
    }
}
