//! From a chat to a reply.

use std::sync::Arc;

use chrono::Local;
use hearth_engine::protocol::{
    ChatMessage, Event, Fault, Grammar, Question, RequestId, Sampling, StopReason,
};
use mistralrs_core::{
    Constraint, MistralRs, NormalRequest, Request, RequestMessage, Response, SamplingParams,
};
use tokio::sync::{mpsc, oneshot};

use crate::connection::Outbox;
use crate::fault::{first_line, last_panic, take_panic};
use crate::load::Model;
use crate::meter::Meter;
use crate::stop::StopTexts;

/// Chunks that mistral.rs may be ahead: a full channel would stop its engine thread.
const CHUNKS: usize = 1024;

/// A chat's tokens, rendered with the model's template, the opening of the reply included; `think` is for templates that leave
/// that to be chosen.
///
/// # Errors
/// [`Fault::BadTemplate`] when the template refuses this chat, [`Fault::Panicked`] when the engine died of it.
pub async fn tokens(model: &Model, messages: &[ChatMessage], think: bool) -> Result<Vec<u32>, Fault> {
    let (template, tokenizer) = (model.template.clone(), model.tokenizer.clone());
    let messages = messages.to_vec();
    let read = tokio::task::spawn_blocking(move || {
        let bad = |detail: String| Fault::BadTemplate {
            detail: first_line(&detail),
        };
        let text = template.render(&messages, think, Local::now()).map_err(bad)?;
        // What begins a text is the template's to say.
        let tokens = tokenizer.encode_fast(text, false);
        let tokens = tokens.map_err(|error| bad(error.to_string()))?;
        Ok(tokens.get_ids().to_vec())
    });
    read.await
        .unwrap_or_else(|_| Err(Fault::Panicked { detail: last_panic() }))
}

/// Streams a reply to the app until it ends or `cancel` is told. The event that ends it is returned, not sent.
///
/// # Errors
/// A [`Fault`]; what was streamed before it stands.
pub async fn reply(
    model: &Model,
    id: RequestId,
    question: Question,
    outbox: &Outbox,
    mut cancel: oneshot::Receiver<()>,
) -> Result<Event, Fault> {
    let prompt = tokens(model, &question.messages, question.think).await?;
    let prompt_tokens = prompt.len();
    if prompt_tokens >= model.context {
        let over = prompt_tokens + 1 - model.context;
        return Err(Fault::PromptTooLong {
            prompt_tokens,
            context: model.context,
            over,
        });
    }
    outbox.send(Event::Started { id, prompt_tokens });
    let mut thoughts = model.format.begin(&end_of(model, &prompt));

    let room = model.context - prompt_tokens;
    let most = question.max_tokens.map_or(room, |most| most.clamp(1, room));
    // A panic of long ago must not be taken for one of this reply's.
    drop(take_panic());
    let meter = Meter::start(model.reply.clone(), question.speculate);
    let (response, mut chunks) = mpsc::channel(CHUNKS);
    let request = NormalRequest {
        messages: RequestMessage::CompletionTokens(prompt),
        sampling_params: params(question.sampling, most),
        response,
        return_logprobs: false,
        is_streaming: true,
        id: model.runner.next_request_id(),
        constraint: match question.grammar {
            None => Constraint::None,
            Some(Grammar::Regex(regex)) => Constraint::Regex(regex),
            Some(Grammar::JsonSchema(schema)) => Constraint::JsonSchema(schema),
        },
        suffix: None,
        tools: None,
        tool_choice: None,
        logits_processors: Some(vec![meter.clone()]),
        return_raw_logits: false,
        web_search_options: None,
        model_id: None,
        truncate_sequence: false,
    };
    send(&model.runner, Request::Normal(Box::new(request))).await?;

    let mut texts = StopTexts::new(question.stop);
    let stop = loop {
        let chunk = tokio::select! {
            chunk = chunks.recv() => chunk,
            // Dropping the channel makes mistral.rs give up at its next token.
            _ = &mut cancel => break StopReason::Cancelled,
        };
        let Some(chunk) = chunk else {
            if let Some(detail) = take_panic() {
                return Err(Fault::Panicked { detail });
            }
            // mistral.rs sends no last chunk for a reply whose last token is part of a character.
            let reply_tokens = meter.stats(prompt_tokens).reply_tokens;
            break if reply_tokens >= most {
                StopReason::Length
            } else {
                StopReason::End
            };
        };
        let (piece, ended) = piece(chunk)?;
        let passed = texts.push(&thoughts.push(&piece));
        tell(outbox, id, passed.text, &meter, prompt_tokens);
        if passed.stopped {
            break StopReason::StopString;
        }
        // After this chunk mistral.rs may go on by mistake: it overwrites the end of a one-token reply.
        if let Some(stop) = ended {
            break stop;
        }
        if meter.stats(prompt_tokens).reply_tokens > most {
            break StopReason::Length;
        }
    };
    if stop != StopReason::StopString {
        let passed = texts.push(&thoughts.finish());
        tell(outbox, id, passed.text + &texts.finish(), &meter, prompt_tokens);
    }
    Ok(Event::Done {
        id,
        stop,
        stats: meter.stats(prompt_tokens),
    })
}

/// The last words of a prompt.
fn end_of(model: &Model, prompt: &[u32]) -> String {
    /// More tokens than a tag and the white space around it can be.
    const END: usize = 16;
    let end = prompt.get(prompt.len().saturating_sub(END)..).unwrap_or(prompt);
    model.tokenizer.decode(end, false).unwrap_or_default()
}

fn tell(outbox: &Outbox, id: RequestId, text: String, meter: &Arc<Meter>, prompt_tokens: usize) {
    if !text.is_empty() {
        let stats = meter.stats(prompt_tokens);
        let speed = stats.decode_tokens_per_second();
        let tokens_per_second = (speed > 0.0).then_some(speed as f32);
        let speed_up = stats.speed_up().map(|times| times as f32);
        outbox.send(Event::Text {
            id,
            text,
            tokens: stats.reply_tokens,
            tokens_per_second,
            speed_up,
        });
    }
}

/// The text of a chunk, and why the reply ends with it if it does.
fn piece(chunk: Response) -> Result<(String, Option<StopReason>), Fault> {
    match chunk {
        Response::CompletionChunk(chunk) => {
            let Some(choice) = chunk.choices.into_iter().next() else {
                return Ok((String::new(), None));
            };
            let ended = choice.finish_reason.map(|reason| match reason.as_str() {
                "length" => StopReason::Length,
                "canceled" => StopReason::Cancelled,
                _ => StopReason::End,
            });
            Ok((choice.text, ended))
        }
        Response::InternalError(error) | Response::ValidationError(error) => Err(Fault::Engine {
            detail: first_line(&error.to_string()),
        }),
        Response::CompletionModelError(error, _) | Response::ModelError(error, _) => Err(Fault::Engine {
            detail: first_line(&error),
        }),
        _ => Err(Fault::Engine {
            detail: "an answer of the wrong kind".to_owned(),
        }),
    }
}

fn params(sampling: Sampling, max_tokens: usize) -> SamplingParams {
    let mut params = SamplingParams::deterministic();
    params.max_len = Some(max_tokens);
    params.repetition_penalty = sampling.repetition_penalty;
    if sampling.temperature > 0.0 {
        params.temperature = Some(sampling.temperature);
        params.top_k = sampling.top_k;
        // mistral.rs looks at min_p only when top_p is below 1.
        params.top_p = sampling.top_p.or(sampling.min_p.map(|_| 0.9999));
        params.min_p = sampling.min_p;
    }
    params
}

async fn send(runner: &MistralRs, request: Request) -> Result<(), Fault> {
    let engine = runner.get_sender(None).map_err(|error| Fault::Engine {
        detail: first_line(&error.to_string()),
    })?;
    engine
        .send(request)
        .await
        .map_err(|_| Fault::Panicked { detail: last_panic() })
}
