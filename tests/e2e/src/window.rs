//! One running app and its window.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use thirtyfour::prelude::*;
use thirtyfour::{TypingData, WebElement};

use crate::Page;
use crate::close::close;
use crate::display::Display;
use crate::driver::Driver;
use crate::home::belongs_to;
use crate::page::{READ, RECORD, Seen};
use crate::process::Process;
use crate::wait::eventually;

const CHAT: &str = "[data-testid='chat-item'] .open";

/// A Hearth that runs. Dropped, it is killed.
pub struct Window {
    browser: WebDriver,
    app: Process,
    // In this order: the app ends before its screen.
    _driver: Driver,
    display: Display,
    log: PathBuf,
}

impl Window {
    pub(crate) async fn open(
        driver: Driver,
        display: Display,
        program: &Path,
        data: &Path,
        log: PathBuf,
    ) -> Result<Self> {
        let browser = match driver.open(program).await {
            Ok(browser) => browser,
            Err(error) => return Err(error.context(std::fs::read_to_string(&log).unwrap_or_default())),
        };
        let mine = |process: &Process| {
            process.program().is_some_and(|running| running == program)
                && process
                    .environment()
                    .is_ok_and(|environment| belongs_to(&environment, data))
        };
        let app = Process::all()?
            .into_iter()
            .find(mine)
            .context("the app is not among the processes")?;
        let window = Self {
            browser,
            app,
            _driver: driver,
            display,
            log,
        };
        window.browser.execute(RECORD, vec![]).await?;
        window.resize(1280, 800).await?;
        window
            .until("the chats or why they cannot be opened", |page| {
                page.ready || page.store_fault.is_some()
            })
            .await?;
        Ok(window)
    }

    /// What is to be seen now.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn page(&self) -> Result<Page> {
        Ok(self.browser.execute(READ, vec![]).await?.convert()?)
    }

    /// What has passed since the window opened, however quickly.
    ///
    /// # Errors
    /// When the window is gone.
    pub async fn seen(&self) -> Result<Seen> {
        Ok(self
            .browser
            .execute("return window.seen", vec![])
            .await?
            .convert()?)
    }

    /// Runs a script in the window, for questions that a [`Page`] does not answer.
    ///
    /// # Errors
    /// The script's.
    pub async fn ask_page<T: serde::de::DeserializeOwned>(&self, script: &str) -> Result<T> {
        Ok(self.browser.execute(script.to_owned(), vec![]).await?.convert()?)
    }

    /// Clicks what carries this test id; the last one, where there are several.
    ///
    /// # Errors
    /// When nothing does, or something lies over it.
    pub async fn click(&self, id: &str) -> Result<()> {
        Ok(self
            .element(&format!("[data-testid='{id}']"))
            .await?
            .click()
            .await?)
    }

    /// Clicks the button with these words on it.
    ///
    /// # Errors
    /// As [`Window::click`].
    pub async fn click_button(&self, words: &str) -> Result<()> {
        self.click_text("button", words).await
    }

    /// Clicks the element of this kind with these words on it.
    ///
    /// # Errors
    /// As [`Window::click`].
    pub async fn click_text(&self, kind: &str, words: &str) -> Result<()> {
        Ok(self.with_text(kind, words).await?.click().await?)
    }

    /// Clicks the button that a screen reader calls this.
    ///
    /// # Errors
    /// As [`Window::click`].
    pub async fn click_labelled(&self, label: &str) -> Result<()> {
        Ok(self
            .element(&format!("[aria-label='{label}']"))
            .await?
            .click()
            .await?)
    }

    /// Puts the focus on what carries this test id.
    ///
    /// # Errors
    /// When nothing does.
    pub async fn focus(&self, id: &str) -> Result<()> {
        Ok(self
            .element(&format!("[data-testid='{id}']"))
            .await?
            .focus()
            .await?)
    }

    /// Opens a chat in the sidebar and waits for its messages.
    ///
    /// # Errors
    /// As [`Window::until`].
    pub async fn open_chat(&self, title: &str) -> Result<Page> {
        self.click_text(CHAT, title).await?;
        let open = |page: &Page| page.open_chat.as_deref() == Some(title) && !page.messages.is_empty();
        self.until(&format!("the chat “{title}”"), open).await
    }

    /// Puts the focus on a chat in the sidebar.
    ///
    /// # Errors
    /// When there is none of this title.
    pub async fn focus_chat(&self, title: &str) -> Result<()> {
        Ok(self.with_text(CHAT, title).await?.focus().await?)
    }

    async fn with_text(&self, selector: &str, words: &str) -> Result<WebElement> {
        let script = "const [selector, words] = arguments;
            return [...document.querySelectorAll(selector)].find((found) => found.innerText.includes(words)) ?? null";
        let arguments = vec![selector.into(), words.into()];
        eventually(&format!("there is a {selector} “{words}”"), async || {
            let found = self.browser.execute(script, arguments.clone()).await?;
            Ok(if found.json().is_null() {
                None
            } else {
                Some(found.element()?)
            })
        })
        .await
    }

    /// Types into what carries this test id, in place of what is there.
    ///
    /// # Errors
    /// When nothing does.
    pub async fn fill(&self, id: &str, text: &str) -> Result<()> {
        let element = self.element(&format!("[data-testid='{id}']")).await?;
        element.send_keys(Key::Control + "a").await?;
        element.send_keys(text).await?;
        Ok(())
    }

    /// Types a question and sends it with Enter.
    ///
    /// # Errors
    /// As [`Window::fill`].
    pub async fn ask(&self, question: &str) -> Result<()> {
        self.fill("composer-input", question).await?;
        self.press(Key::Enter + "").await
    }

    /// Presses keys where the focus is.
    ///
    /// # Errors
    /// When nothing has the focus.
    pub async fn press(&self, keys: impl Into<TypingData>) -> Result<()> {
        Ok(self.browser.active_element().await?.send_keys(keys).await?)
    }

    /// Loads the model of [`crate::Home::picked`] through the model list, and waits until it is ready.
    ///
    /// # Errors
    /// As [`Window::until`].
    pub async fn load_picked(&self) -> Result<Page> {
        self.click("model-button").await?;
        self.click("open-file").await?;
        self.until_ready().await
    }

    /// The element under a CSS selector; the last one, where there are several.
    pub(crate) async fn element(&self, selector: &str) -> Result<WebElement> {
        eventually(&format!("there is a {selector}"), async || {
            Ok(self.browser.find_all(By::Css(selector)).await?.pop())
        })
        .await
    }

    pub(crate) fn browser(&self) -> &WebDriver {
        &self.browser
    }

    pub(crate) async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.browser.set_window_rect(0, 0, width, height).await?;
        eventually("the window has its new size", async || {
            let size: (u32, u32) = self.ask_page("return [innerWidth, innerHeight]").await?;
            Ok((size == (width, height)).then_some(()))
        })
        .await
    }

    /// What the app has written to its log.
    pub(crate) fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The app's process.
    pub fn app(&self) -> Process {
        self.app
    }

    /// The app's program.
    ///
    /// # Errors
    /// When the app has ended.
    pub fn program(&self) -> Result<PathBuf> {
        self.app.program().context("the app has ended")
    }

    /// The process that holds the model, if there is one.
    ///
    /// # Errors
    /// When the system does not list its processes.
    pub fn worker(&self) -> Result<Option<Process>> {
        let is_worker = |process: &Process| {
            process.parent() == Some(self.app)
                && process
                    .program()
                    .is_some_and(|program| program.ends_with("hearth-worker"))
        };
        Ok(Process::all()?.into_iter().find(is_worker))
    }

    /// Closes the window as its title bar's button does, and waits until the app and its worker have ended.
    ///
    /// # Errors
    /// When they do not end.
    pub async fn close(self) -> Result<()> {
        let worker = self.worker()?;
        close(&self.display.name, self.app)?;
        self.until_gone(worker).await
    }

    /// Kills the app, and waits until its worker has noticed.
    ///
    /// # Errors
    /// When one of them stays.
    pub async fn kill(self) -> Result<()> {
        let worker = self.worker()?;
        if worker.is_none() {
            bail!("there is no worker that could outlive the app");
        }
        self.app.kill()?;
        self.until_gone(worker).await
    }

    async fn until_gone(self, worker: Option<Process>) -> Result<()> {
        eventually("the app and its worker have ended", async || {
            let gone = !self.app.runs() && worker.is_none_or(|worker| !worker.runs());
            Ok(gone.then_some(()))
        })
        .await
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // There is no session to end: the app is killed with its driver.
        let _ = self.browser.clone().leak();
    }
}
