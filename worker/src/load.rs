//! From a file to a model that answers.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use hearth_engine::protocol::{
    ChatMessage, Chosen, DEFAULT_CONTEXT, Fault, LoadedModel, Quantisation, RequestId, Role,
};
use mistralrs_core::{DefaultSchedulerMethod, MistralRs, MistralRsBuilder, SchedulerConfig};

use parking_lot::Mutex;
use tokenizers::Tokenizer;

use crate::connection::Outbox;
use crate::device::{self, Placement};
use crate::draft::Drafter;
use crate::fault::{first_line, last_panic};
use crate::generate;
use crate::memory;
use crate::pipeline::ChatPipeline;
use crate::preflight::{self, Checked};
use crate::progress::Progress;
use crate::reply::Reply;
use crate::template::Template;
use crate::thought::Format;
use crate::uqff::{self, Parts};
use crate::weights::{self, SharedPipeline};

/// A model that answers.
pub struct Model {
    /// mistral.rs around it.
    pub runner: Arc<MistralRs>,
    /// Prompt and reply together, in tokens.
    pub context: usize,
    /// Its tokeniser.
    pub tokenizer: Arc<Tokenizer>,
    /// How chats become text.
    pub template: Arc<Template>,
    /// How its thoughts are told from its answers.
    pub format: Format,
    /// The reply that it writes.
    pub reply: Arc<Mutex<Reply>>,
    /// What it can be kept from, where it was quantised while it was read.
    pub kept: Option<Arc<Parts>>,
}

/// Loads a model's files, reporting progress as it goes.
///
/// # Errors
/// A [`Fault`] in words; the process is as it was before, save for memory that the engine may keep.
pub async fn load(id: RequestId, chosen: Chosen, outbox: &Outbox) -> Result<(Model, LoadedModel), Fault> {
    let start = Instant::now();
    let Chosen {
        files,
        draft,
        context,
        quantisation,
        card_layers,
    } = chosen;
    let placement = Placement::of(device::get(), card_layers)?;
    let checked = check(&files).await?;
    let architecture = checked.architecture().to_owned();
    let maps_files = matches!(checked, Checked::Safetensors(..));
    let drafting = match draft.is_empty() {
        true => None,
        false => Some(check(&draft).await?),
    };
    hearth_attention::rope::set_longest(context.unwrap_or(DEFAULT_CONTEXT));
    let all: Vec<PathBuf> = [&*files, &*draft].concat();
    let progress = Progress::report(id, &all, outbox.clone());
    let source = quantisation.and_then(|level| checked.source(level));
    let pipeline = read(files, checked, quantisation, placement.clone()).await?;
    if maps_files {
        memory::forget_mapped();
    }
    let kept = match source {
        Some(source) => uqff::parts(pipeline.clone(), source).await.map(Arc::new),
        None => None,
    };
    let drafter = match drafting {
        None => None,
        Some(checked) => {
            // A draft is small: it goes to the card whole, or its tokens would be waited for.
            let placement = Placement::of(device::get(), None)?;
            let draft = read(draft, checked, quantisation, placement).await?;
            Some(drafter(draft, &pipeline).await?)
        }
    };
    let (metadata, tokenizer, template) = {
        let pipeline = pipeline.lock().await;
        let template = pipeline
            .get_chat_template()
            .and_then(|files| Template::of(&files));
        (pipeline.get_metadata(), pipeline.tokenizer(), template)
    };
    let trained_context = metadata.max_seq_len;
    let tokenizer = tokenizer.ok_or_else(|| missing("tokenizer"))?;
    let template = Arc::new(template.ok_or_else(|| missing("chat template"))?);
    let format = Format::of(template.source());
    let context = context
        .unwrap_or(DEFAULT_CONTEXT)
        .clamp(1, trained_context.max(1));
    let reply = Arc::<Mutex<Reply>>::default();
    let pipeline = ChatPipeline::new(pipeline, drafter, context, &format, reply.clone()).map_err(unusable)?;
    let runner = start_engine(Arc::new(tokio::sync::Mutex::new(pipeline))).await?;
    let model = Model {
        runner,
        context,
        tokenizer,
        template,
        format,
        reply,
        kept,
    };
    let thinks = try_template(&model).await?;
    drop(progress);
    let loaded = LoadedModel {
        architecture,
        context,
        trained_context,
        thinks,
        load_milliseconds: start.elapsed().as_millis() as u64,
        peak_bytes: memory::peak_bytes(),
        card_layers: placement.card_layers(metadata.num_hidden_layers),
        layers: metadata.num_hidden_layers,
    };
    Ok((model, loaded))
}

async fn check(files: &[PathBuf]) -> Result<Checked, Fault> {
    let files = files.to_vec();
    tokio::task::spawn_blocking(move || preflight::check(&files))
        .await
        .map_err(panicked)?
}

async fn read(
    files: Vec<PathBuf>,
    checked: Checked,
    quantisation: Option<Quantisation>,
    placement: Placement,
) -> Result<SharedPipeline, Fault> {
    tokio::task::spawn_blocking(move || weights::read(files, &checked, quantisation, &placement))
        .await
        .map_err(panicked)?
        .map_err(|error| Fault::BadModel {
            detail: words(&error),
        })
}

/// A model that drafts for another: its tokens must be the other's, each under the same number.
async fn drafter(draft: SharedPipeline, target: &SharedPipeline) -> Result<Drafter, Fault> {
    let vocabulary = |tokenizer: Option<Arc<Tokenizer>>| {
        tokenizer.map_or_else(HashMap::new, |tokenizer| tokenizer.get_vocab(true))
    };
    let theirs = vocabulary(target.lock().await.tokenizer());
    let its = vocabulary(draft.lock().await.tokenizer());
    if its != theirs {
        let detail = match (its.len(), theirs.len()) {
            (its, theirs) if its != theirs => {
                format!("it has a vocabulary of {its} tokens and the model one of {theirs}")
            }
            _ => "its tokens have other numbers than the model's".to_owned(),
        };
        return Err(Fault::DraftMismatch { detail });
    }
    Drafter::new(draft).map_err(unusable)
}

fn missing(what: &str) -> Fault {
    Fault::BadModel {
        detail: format!("it has no {what}"),
    }
}

fn unusable(error: candle_core::Error) -> Fault {
    Fault::BadModel {
        detail: first_line(&error.to_string()),
    }
}

/// Starts mistral.rs around the pipeline. Its prefix cache stays off: the pipeline keeps what was read itself.
async fn start_engine(pipeline: SharedPipeline) -> Result<Arc<MistralRs>, Fault> {
    /// mistral.rs takes a lock that its own new thread may hold for a moment, and panics when it does.
    const ATTEMPTS: usize = 3;
    let method = DefaultSchedulerMethod::Fixed(NonZeroUsize::MIN);
    for _ in 0..ATTEMPTS {
        let builder = MistralRsBuilder::new(
            pipeline.clone(),
            SchedulerConfig::DefaultScheduler {
                method: method.clone(),
            },
            false,
            None,
        );
        if let Ok(runner) = tokio::spawn(builder.with_no_prefix_cache(true).build()).await {
            return Ok(runner);
        }
    }
    Err(Fault::Panicked { detail: last_panic() })
}

/// Renders the shortest chat: a template that does not work is told now and not at the first question. Whether it takes a wish
/// to think shows in what it makes of both.
async fn try_template(model: &Model) -> Result<bool, Fault> {
    let hello = [ChatMessage {
        role: Role::User,
        content: "Hello".to_owned(),
    }];
    let plain = match generate::tokens(model, &hello, false).await {
        Err(Fault::Panicked { detail }) => return Err(Fault::BadTemplate { detail }),
        other => other?,
    };
    let thinking = generate::tokens(model, &hello, true).await;
    Ok(thinking.is_ok_and(|thinking| thinking != plain))
}

fn panicked(_: tokio::task::JoinError) -> Fault {
    Fault::BadModel { detail: last_panic() }
}

fn words(error: &anyhow::Error) -> String {
    first_line(&format!("{error:#}"))
}
