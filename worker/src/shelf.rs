//! What was read of chats that are not in front, so that coming back to one does not mean reading it again.

use std::collections::VecDeque;

use crate::reader::Memory;

/// Memories, the one that was put here last at the end.
#[derive(Default)]
pub struct Shelf {
    memories: VecDeque<Memory>,
}

impl Shelf {
    /// Keeps a memory.
    pub fn keep(&mut self, memory: Memory) {
        self.memories.push_back(memory);
    }

    /// Takes down the memory that goes on with the most of this prompt, if that is more than `least` tokens of it.
    pub fn recall(&mut self, prompt: &[u32], least: usize) -> Option<Memory> {
        let reach = |memory: &Memory| memory.reach(prompt);
        let best = (0..self.memories.len()).max_by_key(|&index| reach(&self.memories[index]))?;
        if reach(&self.memories[best]) <= least {
            return None;
        }
        self.memories.remove(best)
    }

    /// Forgets the oldest until all have room for no more than so many tokens.
    pub fn shrink_to(&mut self, tokens: usize) {
        let mut held: usize = self.memories.iter().map(Memory::room).sum();
        while held > tokens {
            let Some(oldest) = self.memories.pop_front() else {
                return;
            };
            held -= oldest.room();
        }
    }
}
