//! `hearth chat`.

use std::io::IsTerminal;

use hearth_app::{App, AppEvent, EngineState, ErrorCode, ErrorReport};
use hearth_store::{Message, MessageStatus};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::commands::list_entry;
use crate::output::{Output, line, piece};

#[derive(clap::Args)]
pub struct Arguments {
    /// The model's name as `hearth list` shows it; without one, the model used last.
    model: Option<String>,
    /// One question; without it, each line of the input is one.
    #[arg(long, short)]
    question: Option<String>,
}

pub async fn run(app: &App, arguments: Arguments, output: &Output) -> Result<(), ErrorReport> {
    if let Some(name) = &arguments.model {
        let entry = list_entry(app, name).await?;
        app.load_model(&entry.model.id).await?;
    }
    let chat = app.create_chat().await?;
    if let Some(question) = arguments.question {
        return ask(app, &chat.id, &question, output).await;
    }
    let prompt = || {
        if !output.json && std::io::stdin().is_terminal() {
            piece("> ");
        }
    };
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    prompt();
    while let Some(question) = lines.next_line().await.map_err(|error| {
        ErrorReport::new(
            ErrorCode::InvalidInput,
            format!("The input cannot be read: {error}."),
        )
    })? {
        if !question.trim().is_empty() {
            ask(app, &chat.id, &question, output).await?;
        }
        prompt();
    }
    Ok(())
}

async fn ask(app: &App, chat: &str, question: &str, output: &Output) -> Result<(), ErrorReport> {
    let mut events = app.subscribe();
    let turn = app.send(chat, question).await?;
    let mut told = false;
    while let Some(event) = events.next().await {
        match event {
            AppEvent::Engine {
                engine: EngineState::Ready { on, .. } | EngineState::Answering { on, .. },
            } if !told => {
                if let Some(notice) = on.notice {
                    output.notice(&notice);
                    told = true;
                }
            }
            AppEvent::ReplyText { message_id, text, .. } if message_id == turn.reply.id && !output.json => {
                piece(&text);
            }
            AppEvent::ReplyDone { message, .. } if message.id == turn.reply.id => {
                return end(&message, output);
            }
            _ => {}
        }
    }
    Ok(())
}

fn end(reply: &Message, output: &Output) -> Result<(), ErrorReport> {
    if output.json {
        output.answer(reply, |_| String::new());
    } else {
        line("");
    }
    match (&reply.error, reply.status) {
        (Some(error), MessageStatus::Error | MessageStatus::Interrupted) => {
            Err(ErrorReport::new(ErrorCode::EngineDied, error.clone()))
        }
        _ => Ok(()),
    }
}
