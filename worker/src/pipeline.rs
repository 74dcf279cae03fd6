//! mistral.rs' engine around a model of ours: prompts are read in portions, what was read stays, and replies are
//! speculated.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use candle_core::{Device, IndexOp, Result, Tensor, bail};
use hearth_speculation::Run;
use mistralrs_core::device_map::DeviceMapper;
use mistralrs_core::pipeline::chat_template::ChatTemplate;
use mistralrs_core::pipeline::sampling::{finish_or_add_toks_to_seq, sample_sequence};
use mistralrs_core::pipeline::{
    AnyMoePipelineMixin, CacheBackendMetadata, CacheManagerMixin, EitherCache, ForwardInputsResult,
    GeneralMetadata, IsqPipelineMixin, MetadataMixin, NormalCache, PreProcessingMixin,
};
use mistralrs_core::prefix_cacher::PrefixCacheManagerV2;
use mistralrs_core::reasoning_parsers::ReasoningMode;
use mistralrs_core::sequence::{Sequence, SequenceRecognizer, SequenceState, StopReason};
use mistralrs_core::{IsqType, ModelCategory, Pipeline};
use rand_isaac::Isaac64Rng;
use tokenizers::Tokenizer;

use crate::draft::Drafter;
use crate::drafting::{Draft, Drafting};
use crate::reader::{PORTION, Reader, common};
use crate::reply::Reply;
use crate::shelf::Shelf;
use crate::thought::{Format, ToldWhole};
use crate::weights::SharedPipeline;

/// Tokens at the end of a prompt that may not be there in the next: what begins the model's own turn, and its thinking.
const ASKS_FOR_ANSWER: usize = 16;

/// The model in front of mistral.rs' engine.
pub struct ChatPipeline {
    target: Reader,
    drafting: Drafting,
    shelf: Shelf,
    /// Tokens of prompt and reply together.
    context: usize,
    reply: Arc<parking_lot::Mutex<Reply>>,
    /// A chat whose first token was its last, and how it ended: mistral.rs forgets that after every prompt and goes on.
    ended: Option<(usize, SequenceState)>,
    tokenizer: Option<Arc<Tokenizer>>,
    metadata: Arc<GeneralMetadata>,
    /// Tokens that end a reply.
    ends: Vec<u32>,
    /// Tokens that are no text and are told all the same: those that thoughts are told by.
    told: HashSet<u32>,
    name: String,
    device: Device,
    /// What mistral.rs is shown in place of the target's cache: it would make room in it for every prompt.
    no_cache: EitherCache,
}

impl ChatPipeline {
    /// Around a model that nobody else holds, for prompt and reply of `context` tokens, and perhaps another that drafts.
    ///
    /// # Errors
    /// Those of [`Reader::new`].
    pub fn new(
        model: SharedPipeline,
        drafter: Option<Drafter>,
        context: usize,
        format: &Format,
        reply: Arc<parking_lot::Mutex<Reply>>,
    ) -> Result<Self> {
        let mut target = Reader::new(model)?;
        let pipeline = target.pipeline()?;
        let (tokenizer, metadata) = (pipeline.tokenizer(), pipeline.get_metadata());
        let goes_on = |id: u32| {
            let token = tokenizer.as_ref().and_then(|tokenizer| tokenizer.id_to_token(id));
            token.is_some_and(|token| format.goes_on_after(&token))
        };
        Ok(Self {
            ends: (metadata.eos_tok.iter().copied())
                .filter(|id| !goes_on(*id))
                .collect(),
            told: tokenizer
                .as_ref()
                .map_or_else(HashSet::new, |tokenizer| format.tokens(tokenizer)),
            tokenizer,
            metadata,
            name: pipeline.name(),
            device: pipeline.device(),
            target,
            drafting: Drafting::new(drafter),
            shelf: Shelf::default(),
            context,
            reply,
            ended: None,
            no_cache: EitherCache::Normal(NormalCache::new(0, 0)),
        })
    }

    /// Makes what the target has read the beginning of `text`, as much of it as is known.
    fn recall(&mut self, text: &[u32]) -> Result<()> {
        // The logits after the last token are wanted, so at least that one is read again.
        let wanted = &text[..text.len().saturating_sub(1)];
        let reach = self.target.reach(wanted)?;
        let shared = common(self.target.read(), text);
        let lost = self.target.read().len() - shared;
        let kept = self.shelf.recall(wanted, reach);
        let is_another = lost > shared && shared + 1 < text.len();
        if is_another || (kept.is_some() && lost > 0) {
            // It may be asked for again. The same question is not another chat, however long its answer was.
            if let Some(memory) = self.target.take()? {
                self.shelf.keep(memory);
            }
        }
        if let Some(memory) = kept {
            self.target.put(memory)?;
        }
        self.target.rewind_to(wanted)?;
        Ok(())
    }

    /// Reads all of `text` but the last portion, which is returned to be read with a draft behind it. None when the
    /// client has left.
    fn read_up_to<'text>(
        &mut self,
        text: &'text [u32],
        is_prompt: bool,
        seq: &Sequence,
    ) -> Result<Option<&'text [u32]>> {
        let mut rest = &text[self.target.read().len()..];
        self.make_room(rest.len());
        self.target.reserve(rest.len())?;
        while rest.len() > PORTION && self.target.goes_on() {
            if seq.responder().is_closed() {
                return Ok(None);
            }
            let (portion, more) = rest.split_at(PORTION);
            self.target.pass(portion, 1)?;
            rest = more;
        }
        if is_prompt && self.target.remembers() {
            // The next question begins as this one does, but for what asks for the answer.
            let (portion, more) = rest.split_at(rest.len().saturating_sub(ASKS_FOR_ANSWER));
            if !portion.is_empty() {
                self.target.pass(portion, 1)?;
            }
            self.target.remember()?;
            rest = more;
        }
        Ok(Some(rest))
    }

    /// Forgets other chats for the tokens that the target is about to read: all chats together take no more than one that
    /// fills the context.
    fn make_room(&mut self, tokens: usize) {
        let blocks = |tokens: usize| tokens.next_multiple_of(NormalCache::CACHE_GROW_SIZE);
        let taken = blocks(self.target.read().len() + tokens);
        let left = blocks(self.context).saturating_sub(taken);
        self.shelf.shrink_to(left);
    }

    /// The token with which a grammar that is complete ends the reply. It need not be one that the model ends replies with.
    fn end_of_grammar(&self, seq: &Sequence) -> Option<u32> {
        match &seq.recognizer {
            SequenceRecognizer::Llguidance(_) => Some(self.metadata.tok_env()?.tok_trie().eos_token()),
            SequenceRecognizer::None => None,
        }
    }

    /// What to draft after `text`.
    fn draft(&mut self, text: &[u32]) -> Draft {
        if !self.target.rewinds() || !self.reply.lock().speculate {
            return Draft::default();
        }
        self.drafting
            .draft(text, self.context.saturating_sub(text.len() + 1))
    }

    /// One pass for one chat: reads what is new, with a draft behind it, and adds the tokens that the target chooses.
    async fn advance(
        &mut self,
        seq: &mut Sequence,
        is_prompt: bool,
        eos: Option<&[u32]>,
        prefix_cacher: &mut PrefixCacheManagerV2,
        rng: Arc<std::sync::Mutex<Isaac64Rng>>,
    ) -> Result<()> {
        if let Some((id, state)) = self.ended.take()
            && id == *seq.id()
            && !is_prompt
        {
            seq.set_state(state);
            return Ok(());
        }
        let text = seq.get_toks().to_vec();
        let read = self.target.read();
        // After a pass that failed, what was read is not what was said.
        if is_prompt || read.len() >= text.len() || !text.starts_with(read) {
            self.recall(&text)?;
        }
        if is_prompt {
            self.reply.lock().cached_tokens = self.target.read().len();
            self.drafting.begin();
        }
        let gone = seq.responder().is_closed();
        let Some(rest) = (if gone {
            None
        } else {
            self.read_up_to(&text, is_prompt, seq)?
        }) else {
            seq.set_state(SequenceState::Done(StopReason::Canceled));
            return Ok(());
        };
        let draft = if is_prompt {
            Draft::default()
        } else {
            self.draft(&text)
        };

        let eos: Option<Vec<u32>> =
            eos.map(|tokens| tokens.iter().copied().chain(self.end_of_grammar(seq)).collect());
        let portion = [rest, &draft.tokens].concat();
        self.make_room(portion.len());
        let start = Instant::now();
        let logits = self.target.pass(&portion, draft.tokens.len() + 1)?;
        let passing = start.elapsed().as_secs_f64();

        let mut run = Run::new(&draft.tokens);
        let mut last = None;
        for place in 0..=draft.tokens.len() {
            let return_logprobs = seq.return_logprobs();
            let logits = logits.i(place)?;
            let chosen =
                sample_sequence(logits, seq, return_logprobs, rng.clone(), false, false, false).await?;
            let token = chosen.token;
            last = Some(token);
            let goes_on = run.chose(token);
            if self.told.contains(&token) {
                seq.enable_reasoning(ReasoningMode::TagBased, Box::new(ToldWhole));
            }
            finish_or_add_toks_to_seq(&*self, prefix_cacher, seq, chosen, eos.as_deref(), false).await?;
            if !goes_on || matches!(seq.getstate(), SequenceState::Done(_)) {
                break;
            }
        }
        let state = seq.getstate();
        if is_prompt && matches!(state, SequenceState::Done(_)) {
            self.ended = Some((*seq.id(), state));
        }
        let accepted = run.accepted();
        // What it takes to choose tokens from a small model's logits is no small part of its pass.
        let seconds = start.elapsed().as_secs_f64();
        tracing::trace!(
            tokens = portion.len(),
            accepted,
            passing,
            choosing = seconds - passing,
            drafting = draft.drafting,
            "pass"
        );
        self.target.rewind(text.len() + accepted)?;
        if rest.len() == 1 && !is_prompt {
            let plain = self.drafting.passed(&draft, accepted, last, seconds);
            self.reply.lock().passed(draft.tokens.len(), accepted, plain);
        }
        Ok(())
    }
}

#[async_trait]
impl Pipeline for ChatPipeline {
    fn forward_inputs(
        &mut self,
        inputs: Box<dyn Any>,
        return_raw_logits: bool,
    ) -> Result<ForwardInputsResult> {
        self.target.forget()?;
        self.target.pipeline()?.forward_inputs(inputs, return_raw_logits)
    }

    async fn step(
        &mut self,
        input_seqs: &mut [&mut Sequence],
        is_prompt: bool,
        _return_raw_logits: bool,
        prefix_cacher: &mut PrefixCacheManagerV2,
        disable_eos_stop: bool,
        rng: Arc<std::sync::Mutex<Isaac64Rng>>,
        _backend_metadata: CacheBackendMetadata,
    ) -> Result<Duration> {
        let start = Instant::now();
        let ends = self.ends.clone();
        let eos = (!disable_eos_stop).then_some(&ends[..]);
        for seq in input_seqs {
            self.advance(seq, is_prompt, eos, prefix_cacher, rng.clone())
                .await?;
        }
        Ok(start.elapsed())
    }

    async fn sample_causal_gen(
        &self,
        _seqs: &mut [&mut Sequence],
        _logits: Vec<Tensor>,
        _prefix_cacher: &mut PrefixCacheManagerV2,
        _disable_eos_stop: bool,
        _rng: Arc<std::sync::Mutex<Isaac64Rng>>,
    ) -> Result<()> {
        bail!("tokens are chosen in step")
    }

    fn category(&self) -> ModelCategory {
        ModelCategory::Text
    }
}

impl PreProcessingMixin for ChatPipeline {
    /// Not mistral.rs' affair: it would look for thoughts in a way of its own, for which it fetches a vocabulary from the
    /// internet.
    fn get_chat_template(&self) -> Option<Arc<ChatTemplate>> {
        None
    }

    fn get_input_processor_config(&self) -> Option<Arc<dyn Any>> {
        None
    }
}

impl IsqPipelineMixin for ChatPipeline {
    fn re_isq_model(&mut self, _dtype: IsqType) -> anyhow::Result<()> {
        anyhow::bail!("a GGUF model is quantised already")
    }
}

impl CacheManagerMixin for ChatPipeline {
    fn clone_in_cache(&self, _seqs: &mut [&mut Sequence]) {}

    fn clone_out_cache(&self, _seqs: &mut [&mut Sequence]) {}

    fn set_none_cache(
        &self,
        _seqs: &mut [&mut Sequence],
        _reset_non_granular: bool,
        _modify_draft_cache: bool,
        _load_preallocated_cache: bool,
    ) {
    }

    fn cache(&self) -> &EitherCache {
        &self.no_cache
    }
}

impl MetadataMixin for ChatPipeline {
    fn device(&self) -> Device {
        self.device.clone()
    }

    fn tokenizer(&self) -> Option<Arc<Tokenizer>> {
        self.tokenizer.clone()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn reset_non_granular_state(&self) {}

    fn get_metadata(&self) -> Arc<GeneralMetadata> {
        self.metadata.clone()
    }

    fn device_mapper(&self) -> Option<&dyn DeviceMapper> {
        None
    }
}

impl AnyMoePipelineMixin for ChatPipeline {}
