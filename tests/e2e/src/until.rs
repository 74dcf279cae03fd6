//! Waiting for the window to show something.

use anyhow::{Context, Result};

use crate::wait::eventually;
use crate::{Message, Page, Window};

impl Window {
    /// Waits until the window shows what is expected.
    ///
    /// # Errors
    /// That it does not, and what it shows instead.
    pub async fn until(&self, what: &str, expected: impl Fn(&Page) -> bool) -> Result<Page> {
        let mut last = None;
        let what = format!("the window shows {what}");
        let found = eventually(&what, async || {
            let page = self.page().await?;
            last = Some(page.clone());
            Ok(expected(&page).then_some(page))
        });
        found.await.with_context(|| {
            let log = self.logged();
            format!("it shows {last:#?}\nand the app has logged:\n{log}")
        })
    }

    /// Waits until the last reply has this status.
    ///
    /// # Errors
    /// As [`Window::until`].
    pub async fn until_reply_is(&self, status: &str) -> Result<Message> {
        let page = self
            .until(&format!("a reply that is {status}"), |page| page.reply_is(status))
            .await?;
        page.reply().cloned().context("the reply is gone")
    }

    /// Waits until a reply is being written and has at least so many letters.
    ///
    /// # Errors
    /// As [`Window::until`].
    pub async fn until_reply_has(&self, letters: usize) -> Result<Message> {
        let long = |page: &Page| {
            page.reply()
                .is_some_and(|reply| reply.status == "streaming" && reply.text.len() >= letters)
        };
        let page = self
            .until(&format!("{letters} letters of a reply in progress"), long)
            .await?;
        page.reply().cloned().context("the reply is gone")
    }

    /// Waits until the model is in memory.
    ///
    /// # Errors
    /// As [`Window::until`].
    pub async fn until_ready(&self) -> Result<Page> {
        self.until("that the model is ready", |page| page.engine == "ready")
            .await
    }

    /// Waits until what carries this test id has the focus.
    ///
    /// # Errors
    /// When it does not get it.
    pub async fn until_focus_is(&self, id: &str) -> Result<()> {
        let mut last: Option<String> = None;
        let what = format!("{id} has the focus");
        let found = eventually(&what, async || {
            last = self
                .ask_page("return document.activeElement?.dataset.testid")
                .await?;
            Ok((last.as_deref() == Some(id)).then_some(()))
        });
        found.await.with_context(|| format!("{last:?} has it instead"))
    }

    /// Waits until something carries this test id.
    ///
    /// # Errors
    /// That nothing does, and the words in the window instead.
    pub async fn until_there(&self, id: &str) -> Result<()> {
        let script = format!("return document.querySelector(\"[data-testid='{id}']\") !== null");
        let found = eventually(&format!("{id} is to be seen"), async || {
            Ok(self.ask_page::<bool>(&script).await?.then_some(()))
        })
        .await;
        let Err(error) = found else { return Ok(()) };
        let words: String = self.ask_page("return document.body.innerText").await?;
        let log = self.logged();
        Err(error.context(format!("it shows:\n{words}\nand the app has logged:\n{log}")))
    }

    /// Waits until a dialog is open, or none is.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn until_dialog(&self, open: bool) -> Result<()> {
        eventually("a dialog opens or closes", async || {
            let is: bool = self
                .ask_page("return document.querySelector('dialog[open]') !== null")
                .await?;
            Ok((is == open).then_some(()))
        })
        .await
    }
}
