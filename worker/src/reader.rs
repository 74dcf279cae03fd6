//! A model, and the keys and values of the tokens that it has read.

use std::sync::{Arc, PoisonError};

use candle_core::{DType, Device, Result, Tensor, bail};
use mistralrs_core::Pipeline;
use mistralrs_core::pipeline::text_models_inputs_processor::{FlashParams, ModelInputs};
use mistralrs_core::pipeline::{EitherCache, ForwardInputsResult, KvCache, NormalCache};

use crate::memory;
use crate::states::States;
use crate::threads;
use crate::weights::SharedPipeline;

/// Tokens that are read in one pass at most. A pass over so many reads the weights as seldom as matters, and takes the
/// memory and the time until a cancel is noticed of so many, however long the text is.
pub const PORTION: usize = 256;

/// How many tokens two texts have in common at their beginnings.
pub fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Reads tokens one after the other, any number at a time, and takes the last ones back.
///
/// mistral.rs copies the cache of a sequence into the model before a pass and out of it after. Here it stays in the model,
/// where the passes find it.
pub struct Reader {
    model: SharedPipeline,
    read: Vec<u32>,
    kind: Kind,
    /// Where states that do not grow can be gone back to.
    remembered: Option<States>,
    most: usize,
}

/// What a model keeps of what it has read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Keys and values, from which the last tokens can be taken back.
    Keys,
    /// Keys and values that were made for a text of its length: those of models whose positions are stretched otherwise once
    /// the text is long (`phi3` in `translation/config.rs`). Their window is as long as what they were trained for.
    Whole,
    /// States that do not grow as well.
    States,
}

/// Tokens and what the model made of them, taken out of it.
pub struct Memory {
    /// The tokens.
    pub tokens: Vec<u32>,
    layers: Vec<KvCache>,
}

impl Memory {
    /// How many tokens of a text it can go on from.
    pub fn reach(&self, text: &[u32]) -> usize {
        let shared = common(&self.tokens, text);
        let reaches = self.layers.iter().all(|layer| layer.try_set_len(shared).is_ok());
        if reaches { shared } else { 0 }
    }

    /// Tokens that its keys and values have room for.
    pub fn room(&self) -> usize {
        let room = |layer: &KvCache| match layer {
            KvCache::Normal { k, .. } => k.capacity_seq_len,
            KvCache::Rotating { k, .. } => k.capacity_seq_len,
            KvCache::Shared { .. } => 0,
        };
        self.layers.iter().map(room).max().unwrap_or(0)
    }
}

impl Reader {
    /// A reader that has read nothing.
    ///
    /// # Errors
    /// When somebody else holds the model, or its cache is of a kind that is not read here.
    pub fn new(model: SharedPipeline) -> Result<Self> {
        let mut reader = Self {
            model,
            read: Vec::new(),
            kind: Kind::States,
            remembered: None,
            most: 0,
        };
        let most = reader.pipeline()?.get_metadata().max_seq_len;
        let is_whole = |layer: &KvCache| match layer {
            KvCache::Rotating { k, .. } => k.max_seq_len >= most,
            _ => false,
        };
        reader.most = most;
        let (has_states, is_whole) = match reader.pipeline()?.cache() {
            EitherCache::Hybrid(cache) => {
                let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
                let mut layers = cache.caches.iter();
                (layers.any(|layer| layer.as_recurrent_pool().is_some()), false)
            }
            _ => (false, reader.layers(|layers| layers.iter().any(is_whole))?),
        };
        reader.kind = match (has_states, is_whole) {
            (true, _) => Kind::States,
            (false, true) => Kind::Whole,
            (false, false) => Kind::Keys,
        };
        reader.forget()?;
        Ok(reader)
    }

    /// The model itself.
    ///
    /// # Errors
    /// When somebody else holds it.
    pub fn pipeline(&mut self) -> Result<&mut (dyn Pipeline + Send + Sync + 'static)> {
        match Arc::get_mut(&mut self.model) {
            Some(model) => Ok(model.get_mut()),
            None => bail!("the model is held elsewhere"),
        }
    }

    fn layers<T>(&mut self, look: impl FnOnce(&mut Vec<KvCache>) -> T) -> Result<T> {
        match self.pipeline()?.cache() {
            EitherCache::Normal(cache) => {
                let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(look(&mut cache.0))
            }
            _ => bail!("the model's cache is of another kind"),
        }
    }

    /// Does something to the keys and values of every layer that has any.
    fn each_layer(&mut self, mut each: impl FnMut(&mut KvCache) -> Result<()>) -> Result<()> {
        if let EitherCache::Hybrid(cache) = self.pipeline()?.cache() {
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            let mut layers = cache.caches.iter_mut();
            return layers.try_for_each(|layer| layer.as_kv_cache_mut().map_or(Ok(()), &mut each));
        }
        self.layers(|layers| layers.iter_mut().try_for_each(each))?
    }

    /// The tokens that were read.
    pub fn read(&self) -> &[u32] {
        &self.read
    }

    /// Most tokens that the model was trained for.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Whether the last tokens can always be taken back, as many as a draft has.
    pub fn rewinds(&self) -> bool {
        self.kind == Kind::Keys
    }

    /// Whether a text can be read in portions.
    pub fn goes_on(&self) -> bool {
        self.kind != Kind::Whole
    }

    /// Whether it goes back only to where it was told to [remember](Self::remember).
    pub fn remembers(&self) -> bool {
        self.kind == Kind::States
    }

    /// Remembers the states of now, in place of those before.
    ///
    /// # Errors
    /// candle's.
    pub fn remember(&mut self) -> Result<()> {
        let tokens = self.read.len();
        let states = match self.pipeline()?.cache() {
            EitherCache::Hybrid(cache) => {
                let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
                Some(States::of(&cache.caches, tokens)?)
            }
            _ => None,
        };
        self.remembered = states;
        Ok(())
    }

    /// How many tokens of a text it can go on from.
    ///
    /// # Errors
    /// As [`Self::pipeline`].
    pub fn reach(&mut self, text: &[u32]) -> Result<usize> {
        let shared = common(&self.read, text);
        if shared == self.read.len() && self.goes_on() {
            return Ok(shared);
        }
        Ok(match self.kind {
            Kind::Keys => match self.each_layer(|layer| layer.try_set_len(shared)) {
                Ok(()) => shared,
                Err(_) => 0,
            },
            Kind::Whole => 0,
            Kind::States => {
                let remembered = self.remembered.as_ref().map(|states| states.tokens);
                remembered.filter(|tokens| *tokens <= shared).unwrap_or(0)
            }
        })
    }

    /// Takes back all tokens but the first `length`.
    ///
    /// # Errors
    /// When they cannot be taken back.
    pub fn rewind(&mut self, length: usize) -> Result<()> {
        if length >= self.read.len() {
            return Ok(());
        }
        if length == 0 {
            return self.forget();
        }
        match self.kind {
            Kind::Keys => self.each_layer(|layer| layer.set_len(length))?,
            Kind::Whole => bail!("keys and values of a text of another length do not go back"),
            Kind::States => {
                let Some(states) = self.remembered.take().filter(|states| states.tokens == length) else {
                    bail!("states that do not grow do not go back");
                };
                if let EitherCache::Hybrid(cache) = self.pipeline()?.cache() {
                    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
                    states.restore(&mut cache.caches)?;
                }
                self.remembered = Some(states);
            }
        }
        self.read.truncate(length);
        Ok(())
    }

    /// Takes back what is not the beginning of `text`, or more where the cache does not go back just so far, and returns the
    /// rest of it, which has not been read.
    ///
    /// # Errors
    /// As [`Self::rewind`].
    pub fn rewind_to<'text>(&mut self, text: &'text [u32]) -> Result<&'text [u32]> {
        let reach = self.reach(text)?;
        self.rewind(reach)?;
        Ok(&text[reach..])
    }

    /// Takes back everything, and gives the memory back.
    ///
    /// # Errors
    /// As [`Self::pipeline`].
    pub fn forget(&mut self) -> Result<()> {
        self.read.clear();
        self.remembered = None;
        self.each_layer(|layer| {
            layer.reset();
            // The memory of so many tokens is taken with the first.
            match layer {
                KvCache::Normal { k, v } => (k.capacity_seq_len, v.capacity_seq_len) = (0, 0),
                KvCache::Rotating { k, v } => (k.capacity_seq_len, v.capacity_seq_len) = (0, 0),
                KvCache::Shared { .. } => {}
            }
            Ok(())
        })?;
        memory::give_back();
        let device = self.pipeline()?.device();
        if let EitherCache::Hybrid(cache) = self.pipeline()?.cache() {
            let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
            // States lie in slots, one for each chat; here there is one chat.
            cache.reset();
            let slot = cache.allocate_seq().unwrap_or_default();
            cache.set_state_indices(Some(Tensor::new(&[slot as u32], &device)?));
        }
        Ok(())
    }

    /// Takes what was read out of the model, which then has read nothing; none where it does not go back, or lies in a cache
    /// that could have states as well.
    ///
    /// # Errors
    /// As [`Self::pipeline`].
    pub fn take(&mut self) -> Result<Option<Memory>> {
        let tokens = std::mem::take(&mut self.read);
        let layers = match (self.kind, self.pipeline()?.cache()) {
            (Kind::Keys, EitherCache::Normal(_)) => Some(self.layers(|layers| layers.clone())?),
            _ => None,
        };
        self.forget()?;
        Ok(layers.map(|layers| Memory { tokens, layers }))
    }

    /// Gives the model what was taken out of it, in place of what it has read since.
    ///
    /// # Errors
    /// As [`Self::pipeline`].
    pub fn put(&mut self, memory: Memory) -> Result<()> {
        self.layers(|layers| *layers = memory.layers)?;
        self.read = memory.tokens;
        Ok(())
    }

    /// Makes room for more tokens at once, and gives back what each layer's shorter cache took before the next one grows.
    ///
    /// # Errors
    /// When the model was not trained for so many.
    pub fn reserve(&mut self, tokens: usize) -> Result<()> {
        let end = self.read.len() + tokens;
        if end > self.most {
            bail!("{end} tokens are more than the model's {}", self.most);
        }
        let room = end.next_multiple_of(NormalCache::CACHE_GROW_SIZE).min(self.most);
        self.each_layer(|layer| grow(layer, end, room))
    }

    /// Reads more tokens in one pass of the model and returns the logits after each of the last `asked` ones: f32 of
    /// `(asked, vocabulary)`. After an error nothing is read any more.
    ///
    /// # Errors
    /// candle's.
    pub fn pass(&mut self, tokens: &[u32], asked: usize) -> Result<Tensor> {
        let logits = self.try_pass(tokens, asked);
        if logits.is_err() {
            self.forget()?;
        }
        logits
    }

    fn try_pass(&mut self, tokens: &[u32], asked: usize) -> Result<Tensor> {
        self.reserve(tokens.len())?;
        let start = self.read.len();
        let pipeline = self.pipeline()?;
        let input_ids = Tensor::new(tokens, &pipeline.device())?.unsqueeze(0)?;
        let inputs = ModelInputs {
            input_ids,
            input_ids_full: None,
            seqlen_offsets: vec![start],
            seqlen_offsets_full: None,
            context_lens: vec![(tokens.len() - asked, asked)],
            position_ids: vec![start + tokens.len()],
            paged_attn_meta: None,
            flash_meta: FlashParams::empty(true),
            flash_meta_full: None,
        };
        let result = threads::run(tokens.len(), || pipeline.forward_inputs(Box::new(inputs), false))?;
        let ForwardInputsResult::CausalGeneration { logits } = result else {
            bail!("the model does not write text");
        };
        self.read.extend_from_slice(tokens);
        // Tokens are chosen on the processor, wherever they were computed.
        logits.squeeze(0)?.to_device(&Device::Cpu)?.to_dtype(DType::F32)
    }
}

/// Makes room for `room` tokens where there is none for `end`. mistral.rs would refuse the last block of a context that is
/// no multiple of its blocks.
fn grow(layer: &mut KvCache, end: usize, room: usize) -> Result<()> {
    let KvCache::Normal { k, v } = layer else {
        return Ok(());
    };
    for cache in [k, v] {
        if end <= cache.capacity_seq_len {
            continue;
        }
        cache.capacity_seq_len = room;
        if let Some(full) = &cache.all_data {
            let mut shape = full.dims().to_vec();
            shape[cache.dim] = room;
            let larger = Tensor::zeros(shape, full.dtype(), full.device())?;
            larger.slice_set(full, cache.dim, 0)?;
            cache.all_data = Some(larger);
            memory::give_back();
        }
    }
    Ok(())
}
