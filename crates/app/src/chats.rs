//! Chats: made, named, deleted, brought back.

use hearth_store::{Chat, Message};

use crate::{App, AppEvent, ErrorCode, ErrorReport};

/// Characters of a chat's name that was taken from its first question.
const TITLE_LENGTH: usize = 48;
/// Characters of a name that a person gives.
const LONGEST_TITLE: usize = 200;

impl App {
    /// Makes an empty chat.
    ///
    /// # Errors
    /// The store's.
    pub async fn create_chat(&self) -> Result<Chat, ErrorReport> {
        let chat = self.store().await?.create_chat("").await?;
        self.tell_chats().await;
        Ok(chat)
    }

    /// Names a chat.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidInput`] for an empty name, [`ErrorCode::NotFound`], or the store's.
    pub async fn rename_chat(&self, id: &str, title: &str) -> Result<Chat, ErrorReport> {
        let title: String = title.split_whitespace().collect::<Vec<_>>().join(" ");
        if title.is_empty() {
            return Err(ErrorReport::new(
                ErrorCode::InvalidInput,
                "A chat needs a name. Type one, or cancel.",
            ));
        }
        let title: String = title.chars().take(LONGEST_TITLE).collect();
        let chat = self.store().await?.rename_chat(id, &title).await?;
        self.tell_chats().await;
        Ok(chat)
    }

    /// Deletes a chat so that [`App::restore_chat`] can bring it back. A reply in progress in it is stopped.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`], or the store's.
    pub async fn delete_chat(&self, id: &str) -> Result<(), ErrorReport> {
        self.stop_reply_in(id);
        self.store().await?.delete_chat(id).await?;
        self.tell_chats().await;
        Ok(())
    }

    /// Brings a deleted chat back.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`], or the store's.
    pub async fn restore_chat(&self, id: &str) -> Result<Chat, ErrorReport> {
        let chat = self.store().await?.restore_chat(id).await?;
        self.tell_chats().await;
        Ok(chat)
    }

    /// The messages of a chat's active branch, the first one first, a reply in progress up to its latest piece.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`], or the store's.
    pub async fn open_chat(&self, id: &str) -> Result<Vec<Message>, ErrorReport> {
        let mut messages = self.store().await?.branch(id).await?;
        self.complete_from_memory(&mut messages);
        Ok(messages)
    }

    /// Makes the branch through `message` the active one.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`], or the store's.
    pub async fn choose_branch(&self, message: &str) -> Result<Vec<Message>, ErrorReport> {
        let mut messages = self.store().await?.choose_branch(message).await?;
        self.complete_from_memory(&mut messages);
        Ok(messages)
    }

    /// Names a chat after its first question, unless it has a name.
    pub(crate) async fn name_after(&self, chat: &Chat, question: &str) -> Result<Chat, ErrorReport> {
        if !chat.title.is_empty() {
            return Ok(chat.clone());
        }
        Ok(self
            .store()
            .await?
            .rename_chat(&chat.id, &title_of(question))
            .await?)
    }

    pub(crate) async fn tell_chats(&self) {
        self.tell_latest(async {
            let chats = self.store().await?.chats().await?;
            Ok(AppEvent::Chats { chats })
        })
        .await;
    }
}

/// The first line of a question, cut at a word.
fn title_of(question: &str) -> String {
    let line = question
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("New chat");
    if line.chars().count() <= TITLE_LENGTH {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE_LENGTH).collect();
    let words = cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words);
    format!("{}…", words.trim_end_matches([',', '.', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::title_of;

    #[test]
    fn a_title_is_the_first_line_cut_at_a_word() {
        assert_eq!(title_of("\n  What is love?\nTell me."), "What is love?");
        assert_eq!(
            title_of("To be, or not to be, that is the question: whether 'tis nobler"),
            "To be, or not to be, that is the question…"
        );
        assert_eq!(title_of(&"ø".repeat(60)), format!("{}…", "ø".repeat(48)));
        assert_eq!(title_of("   "), "New chat");
    }
}
