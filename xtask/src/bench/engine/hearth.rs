//! Drives the real worker over its protocol, as the app does.

use anyhow::Result;
use hearth_engine::EngineConfig;
use hearth_engine::protocol::{Event, Request, Sampling};

use super::{Plan, Session};
use crate::bench::memory::PeakMemory;
use crate::bench::worker::Worker;

/// Starts a worker, loads the model and answers each prompt.
pub fn measure(config: &EngineConfig, plan: &Plan) -> Result<Session> {
    let mut worker = Worker::start(config)?;
    let mut memory = PeakMemory::of(worker.id());
    let id = worker.ask(|id| Request::Load {
        id,
        files: vec![plan.model.to_owned()],
        draft: Vec::new(),
        context: Some(plan.context),
    })?;
    let load_milliseconds = loop {
        match worker.event()? {
            Event::Loaded { id: of, model } if of == id => break model.load_milliseconds as f64,
            _ => memory.look(),
        }
    };
    let mut replies = Vec::new();
    for wanted in plan.replies {
        let prompt = worker.prompt_of(wanted.prompt_tokens)?;
        let sampling = Sampling {
            temperature: 0.0,
            ..Sampling::default()
        };
        let max_tokens = Some(wanted.reply_tokens);
        let id = worker.ask(|id| Request::Generate {
            id,
            messages: prompt,
            sampling,
            max_tokens,
            stop: Vec::new(),
            speculate: false,
        })?;
        replies.push(loop {
            match worker.event()? {
                Event::Done { id: of, stats, .. } if of == id => break stats,
                Event::Started { .. } => memory.look(),
                _ => {}
            }
        });
        memory.look();
    }
    Ok(Session {
        load_milliseconds,
        replies,
        peak_memory: memory.bytes(),
    })
}
