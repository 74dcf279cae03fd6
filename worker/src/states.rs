//! States that do not grow, as linear attention has them, remembered at one place of the text: no token can be taken back from
//! them, so that what comes after that place is read again from there.

use candle_core::{Result, Tensor};
use mistralrs_core::pipeline::HybridLayerCache;

/// Where there is one chat, it has the first slot.
const SLOT: usize = 0;

/// The states of all layers that have any, after so many tokens.
pub struct States {
    /// How many.
    pub tokens: usize,
    layers: Vec<State>,
}

struct State {
    convolution: Tensor,
    recurrent: Tensor,
    offset: usize,
}

impl States {
    /// Remembers those of now.
    ///
    /// # Errors
    /// candle's, when there is no memory for the copy.
    pub fn of(caches: &[HybridLayerCache], tokens: usize) -> Result<Self> {
        let pools = caches.iter().filter_map(HybridLayerCache::as_recurrent_pool);
        let layers = pools.map(|pool| {
            Ok(State {
                convolution: pool.conv_state.copy()?,
                recurrent: pool.recurrent_state.copy()?,
                offset: pool.get_seqlen_offset(SLOT),
            })
        });
        let layers = layers.collect::<Result<_>>()?;
        Ok(Self { tokens, layers })
    }

    /// Makes them those of now, and takes back the keys and values of what came after.
    ///
    /// # Errors
    /// candle's.
    pub fn restore(&self, caches: &mut [HybridLayerCache]) -> Result<()> {
        let mut states = self.layers.iter();
        for cache in caches {
            if let Some(keys) = cache.as_kv_cache_mut() {
                keys.set_len(self.tokens)?;
            } else if let (Some(pool), Some(state)) = (cache.as_recurrent_pool_mut(), states.next()) {
                pool.conv_state = state.convolution.copy()?;
                pool.recurrent_state = state.recurrent.copy()?;
                pool.set_seqlen_offset(SLOT, state.offset);
            }
        }
        Ok(())
    }
}
