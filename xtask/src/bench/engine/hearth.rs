//! Drives the real worker over its protocol, as the app does.

use anyhow::Result;
use hearth_engine::protocol::{Event, Request, Sampling};
use hearth_engine::{Chosen, EngineConfig, Question};

use super::{Plan, Session};
use crate::bench::memory::PeakMemory;
use crate::bench::worker::Worker;

/// Starts a worker, loads the model and answers each prompt.
pub fn measure(config: &EngineConfig, plan: &Plan) -> Result<Session> {
    let mut worker = Worker::start(config)?;
    let mut memory = PeakMemory::of(worker.id());
    let id = worker.ask(|id| Request::Load {
        id,
        chosen: Chosen {
            context: Some(plan.context),
            ..Chosen::files(vec![plan.model.to_owned()])
        },
    })?;
    let load_milliseconds = loop {
        match worker.event()? {
            Event::Loaded { id: of, model } if of == id => break model.load_milliseconds as f64,
            _ => memory.look(),
        }
    };
    let mut replies = Vec::new();
    for wanted in plan.replies {
        let question = Question {
            messages: worker.prompt_of(wanted.prompt_tokens)?,
            sampling: Sampling::greedy(),
            max_tokens: Some(wanted.reply_tokens),
            speculate: false,
            ..Question::default()
        };
        let id = worker.ask(|id| Request::Generate { id, question })?;
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
