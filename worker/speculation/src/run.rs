//! What of a draft stands.

/// A draft on its way through a pass of the target.
///
/// Wherever the target is asked, its next token is *chosen* from its own distribution as if nothing had been drafted, and
/// told to the run. While what is chosen is what was drafted, the target's answer at the next place is an answer about the
/// text as it now stands and can be used; at the first difference it is about a text that never came to be.
///
/// Every token of the reply is thus one that the target chose, whatever was drafted: the distribution of replies is the
/// target's own at every temperature, top-k, top-p, min-p, penalty and grammar. For a draft that is certain of its tokens
/// this *is* speculative sampling (Leviathan et al. 2023, <https://arxiv.org/abs/2211.17192>, section 2.3): a drafted token
/// x, of which the draft's probability is 1, is accepted with probability p(x), and in its place one comes with probability
/// p(y) / (1 - p(x)).
#[derive(Debug)]
pub struct Run<'draft> {
    draft: &'draft [u32],
    accepted: usize,
}

impl<'draft> Run<'draft> {
    /// Before the first token is chosen.
    #[must_use]
    pub fn new(draft: &'draft [u32]) -> Self {
        Self { draft, accepted: 0 }
    }

    /// Takes the token that the target chose at the next place. True while the place after it can be used: after a draft
    /// of k tokens that all stand, the target's own next token is the k + 1st.
    pub fn chose(&mut self, token: u32) -> bool {
        let stands = self.draft.get(self.accepted) == Some(&token);
        self.accepted += usize::from(stands);
        stands
    }

    /// Drafted tokens that stand.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted
    }
}
