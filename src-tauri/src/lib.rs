//! Hearth's window. Wiring only: plugins, the app's state, the commands.

mod commands;
mod shell;

use std::process::ExitCode;

use tauri::{Manager, RunEvent};

use crate::commands::{
    account, chats, computer, discover, downloads, engine, library, links, models, replies, settings,
    speculation, store,
};
use crate::shell::Shell;

/// Runs the app until its window is closed.
pub fn run() -> ExitCode {
    let log = tracing_subscriber::EnvFilter::try_from_env("HEARTH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,hearth_worker=info"));
    tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_writer(std::io::stderr)
        .init();

    let app = tauri::Builder::default()
        // First, so that a second start ends before it opens anything.
        .plugin(tauri_plugin_single_instance::init(|app, _, _| shell::focus(app)))
        .plugin(tauri_plugin_dialog::init())
        .plugin(tauri_plugin_opener::init())
        .plugin(tauri_plugin_window_state::Builder::default().build())
        .setup(|app| {
            app.manage(Shell::open(app.handle())?);
            Ok(())
        })
        .invoke_handler(tauri::generate_handler![
            store::start,
            store::subscribe,
            store::retry_store,
            store::set_aside_store,
            store::open_data_folder,
            chats::create_chat,
            chats::rename_chat,
            chats::delete_chat,
            chats::restore_chat,
            chats::open_chat,
            chats::choose_branch,
            replies::send,
            replies::regenerate,
            replies::edit_and_resend,
            replies::stop,
            models::list_models,
            models::pick_model,
            engine::load_model,
            engine::unload_model,
            models::forget_model,
            settings::get_settings,
            settings::set_settings,
            links::open_link,
            computer::this_computer,
            computer::measure_computer,
            discover::suggestions,
            discover::search_hub,
            discover::open_repo,
            discover::suggest_draft,
            discover::price_variant,
            downloads::download_variant,
            downloads::list_downloads,
            downloads::pause_download,
            downloads::resume_download,
            downloads::cancel_download,
            downloads::move_download,
            library::library,
            library::find_models,
            library::use_found_model,
            library::price_model,
            library::verify_model,
            speculation::set_speculation,
            speculation::measure_speculation,
            speculation::stop_measuring,
            library::set_quantisation,
            library::keep_quantised,
            library::drop_quantised,
            library::preview_delete,
            library::delete_model,
            account::hub_account,
            account::set_hub_token,
            account::clear_hub_token,
            links::open_repo_page,
        ])
        .build(tauri::generate_context!());
    match app {
        Ok(app) => {
            app.run(|app, event| {
                if let RunEvent::Exit = event {
                    app.state::<Shell>().close();
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!(
                "Hearth could not open its window: {error}. Start it again; if that does not help, install it again."
            );
            ExitCode::FAILURE
        }
    }
}
