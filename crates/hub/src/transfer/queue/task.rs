//! The task that owns the queue: what it holds, what becomes of each order, and what a transfer that ended came to.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use hearth_store::{NewTransfer, Store, StoreError, TransferFailure, TransferRecord, TransferState};
use tokio::sync::{broadcast, mpsc};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Command, Reply, TransferEvent};
use crate::transfer::TransferError;
use crate::transfer::file::panicked;
use crate::transfer::part::Part;
use crate::transfer::progress::{self, Meter, TransferProgress};
use crate::transfer::run::{self, Context, Manifest, Outcome};

/// How often a running transfer's progress is told.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Why a running transfer is being stopped.
#[derive(Debug)]
enum Why {
    Pause(Reply),
    Cancel(Reply),
    Close,
}

#[derive(Debug)]
struct Running {
    job: Id,
    stop: CancellationToken,
    why: Option<Why>,
    meter: Meter,
}

pub(super) struct Queue {
    context: Context,
    events: broadcast::Sender<TransferEvent>,
    jobs: JoinSet<Result<Outcome, TransferError>>,
    running: HashMap<String, Running>,
    /// Set once the queue takes no more orders; whoever waits for its end.
    closing: Option<Vec<Reply>>,
}

impl Queue {
    pub(super) fn new(context: Context, events: broadcast::Sender<TransferEvent>) -> Self {
        Self {
            context,
            events,
            jobs: JoinSet::new(),
            running: HashMap::new(),
            closing: None,
        }
    }

    /// Takes up what the store holds and obeys until the last [`super::Transfers`] is dropped or told to shut down.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Command>) {
        if let Err(error) = self.take_up().await {
            tracing::error!(%error, "downloads of the last run could not be taken up");
        }
        let mut tell = tokio::time::interval(TELL_EVERY);
        tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if self.closing.is_some() && self.running.is_empty() {
                break;
            }
            tokio::select! {
                order = orders.recv(), if self.closing.is_none() => match order {
                    Some(order) => self.obey(order).await,
                    None => self.close(None),
                },
                Some(ended) = self.jobs.join_next_with_id(), if !self.jobs.is_empty() => self.ended(ended).await,
                _ = tell.tick(), if !self.running.is_empty() => {
                    self.tell();
                    continue;
                }
            }
            self.fill().await;
        }
        for reply in self.closing.unwrap_or_default() {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(Ok(()));
        }
    }

    fn store(&self) -> &Store {
        &self.context.store
    }

    /// What the store says runs was running when Hearth ended: it is first in line again.
    async fn take_up(&mut self) -> Result<(), StoreError> {
        for record in self.store().transfers().await? {
            if record.state == TransferState::Running {
                self.set_state(&record.id, TransferState::Queued, None).await?;
            }
        }
        self.fill().await;
        Ok(())
    }

    async fn obey(&mut self, command: Command) {
        // Of every reply here: whoever asked may have stopped waiting.
        match command {
            Command::Queue(new, reply) => {
                let _ = reply.send(self.add(new).await);
            }
            Command::List(reply) => {
                let _ = reply.send(self.list().await);
            }
            Command::Move(id, before, reply) => {
                let moved = self.store().move_transfer(&id, before.as_deref()).await;
                let _ = self.events.send(TransferEvent::Moved);
                let _ = reply.send(moved.map_err(Into::into));
            }
            Command::Resume(id, reply) => {
                let _ = reply.send(self.resume(&id).await.map_err(Into::into));
            }
            Command::Pause(id, reply) => match self.running.get_mut(&id) {
                Some(running) => running.stop(Why::Pause(reply)),
                None => {
                    let _ = reply.send(self.pause(&id).await.map_err(Into::into));
                }
            },
            Command::Cancel(id, reply) => match self.running.get_mut(&id) {
                Some(running) => running.stop(Why::Cancel(reply)),
                None => {
                    let _ = reply.send(self.remove(&id).await);
                }
            },
            Command::ShutDown(reply) => self.close(Some(reply)),
        }
    }

    async fn add(&mut self, new: NewTransfer) -> Result<TransferProgress, TransferError> {
        if new.files.is_empty() {
            return Err(TransferError::NoFiles { repo: new.repo });
        }
        let records = self.store().transfers().await?;
        let same = records
            .iter()
            .find(|record| record.state != TransferState::Done && wants_the_same(record, &new));
        if let Some(record) = same {
            if record.state == TransferState::Failed {
                self.resume(&record.id).await?;
            }
            if record.variant.as_ref() != Some(&new.variant) {
                self.store()
                    .set_transfer_variant(&record.id, &new.variant)
                    .await?;
                if let Some(running) = self.running.get_mut(&record.id) {
                    running.meter.turn_into(new.variant);
                }
            }
            return Ok(TransferProgress::of(&self.store().transfer(&record.id).await?));
        }
        Manifest::check(&new)?;
        let record = self.store().add_transfer(new).await?;
        let progress = TransferProgress::of(&record);
        let _ = self.events.send(TransferEvent::Progress(progress.clone()));
        Ok(progress)
    }

    async fn list(&self) -> Result<Vec<TransferProgress>, TransferError> {
        let of = |record: &TransferRecord| match self.running.get(&record.id) {
            Some(running) => running.meter.last().clone(),
            None => TransferProgress::of(record),
        };
        Ok(self.store().transfers().await?.iter().map(of).collect())
    }

    async fn resume(&mut self, id: &str) -> Result<(), StoreError> {
        let state = self.store().transfer(id).await?.state;
        if matches!(state, TransferState::Paused | TransferState::Failed) {
            self.set_state(id, TransferState::Queued, None).await?;
        }
        Ok(())
    }

    async fn pause(&mut self, id: &str) -> Result<(), StoreError> {
        if self.store().transfer(id).await?.state == TransferState::Queued {
            self.set_state(id, TransferState::Paused, None).await?;
        }
        Ok(())
    }

    /// Takes a transfer that does not run off the list. Its part files go first: a kill in between leaves a transfer
    /// that can be cancelled again.
    async fn remove(&mut self, id: &str) -> Result<(), TransferError> {
        let record = self.store().transfer(id).await?;
        let others = self.store().transfers().await?;
        let wanted_elsewhere = |etag: &str| {
            others.iter().any(|other| {
                let wants = other.files.iter().any(|file| !file.complete && file.etag == etag);
                other.id != id && other.repo == record.repo && wants
            })
        };
        // A record whose names cannot be used never made a file.
        if let Ok(manifest) = Manifest::of(&record, &self.context.cache) {
            let unwanted = record
                .files
                .iter()
                .map(|file| !file.complete && !wanted_elsewhere(&file.etag));
            let items: Vec<_> = manifest.items.into_iter().zip(unwanted).collect();
            run::blocking(move || {
                for (item, _) in items.iter().filter(|(_, unwanted)| *unwanted) {
                    item.place.forget_quarantine()?;
                    match Part::open(&item.place.blob, false) {
                        Ok(Some(part)) => part.delete()?,
                        Ok(None) | Err(TransferError::FolderGone { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            })
            .await?;
        }
        self.store().remove_transfer(id).await?;
        let _ = self.events.send(TransferEvent::Removed { id: id.to_owned() });
        Ok(())
    }

    fn close(&mut self, reply: Option<Reply>) {
        self.closing.get_or_insert_default().extend(reply);
        for running in self.running.values_mut() {
            running.stop(Why::Close);
        }
    }

    /// Starts what is first in line while there is room.
    async fn fill(&mut self) {
        if self.closing.is_some() || self.running.len() >= self.context.limits.at_once.max(1) {
            return;
        }
        let records = match self.store().transfers().await {
            Ok(records) => records,
            Err(error) => return tracing::error!(%error, "the queue of downloads cannot be read"),
        };
        let mut fetched: HashSet<(String, String)> = HashSet::new();
        for record in records
            .iter()
            .filter(|record| self.running.contains_key(&record.id))
        {
            fetched.extend(blobs(record));
        }
        for record in records {
            if self.running.len() >= self.context.limits.at_once.max(1) {
                return;
            }
            // Two downloads of one file wait for each other: the second will find it there.
            let ready =
                record.state == TransferState::Queued && !blobs(&record).any(|blob| fetched.contains(&blob));
            if !ready {
                continue;
            }
            fetched.extend(blobs(&record));
            if let Err(error) = self.begin(record).await {
                return tracing::error!(%error, "a download could not be started");
            }
        }
    }

    async fn begin(&mut self, record: TransferRecord) -> Result<(), StoreError> {
        self.set_state(&record.id, TransferState::Running, None).await?;
        let stop = CancellationToken::new();
        let done = Arc::new(AtomicU64::new(progress::done_bytes(&record)));
        let meter = Meter::new(&record, Arc::clone(&done));
        let id = record.id.clone();
        let job = self
            .jobs
            .spawn(run::run(self.context.clone(), record, stop.clone(), done));
        let running = Running {
            job: job.id(),
            stop,
            why: None,
            meter,
        };
        self.running.insert(id, running);
        Ok(())
    }

    async fn ended(&mut self, ended: Result<(Id, Result<Outcome, TransferError>), JoinError>) {
        let (job, outcome) = match ended {
            Ok(ended) => ended,
            Err(error) => (error.id(), Err(panicked(&error))),
        };
        let found = self.running.iter().find(|(_, running)| running.job == job);
        let Some(id) = found.map(|(id, _)| id.clone()) else {
            return;
        };
        let Some(running) = self.running.remove(&id) else {
            return;
        };
        let settled = self.settle(&id, outcome, running.why).await;
        if let Err(error) = settled {
            tracing::error!(%error, "what a download came to could not be noted");
        }
    }

    async fn settle(
        &mut self,
        id: &str,
        outcome: Result<Outcome, TransferError>,
        why: Option<Why>,
    ) -> Result<(), TransferError> {
        if let Ok(Outcome::Finished(paths)) = &outcome {
            self.set_state(id, TransferState::Done, None).await?;
            let record = self.store().transfer(id).await?;
            let _ = self.events.send(TransferEvent::Finished {
                id: id.to_owned(),
                repo: record.repo,
                revision: record.revision,
                paths: paths.clone(),
            });
        }
        let stopped_as = |state| match &outcome {
            Ok(Outcome::Finished(_)) => None,
            Ok(Outcome::Stopped) => Some((state, None)),
            Err(error) => Some((TransferState::Failed, Some(error.failure()))),
        };
        match why {
            Some(Why::Cancel(reply)) => {
                let _ = reply.send(self.remove(id).await);
            }
            Some(Why::Pause(reply)) => {
                let noted = match stopped_as(TransferState::Paused) {
                    Some((state, failure)) => self.set_state(id, state, failure.as_ref()).await,
                    None => Ok(()),
                };
                let _ = reply.send(noted.map_err(Into::into));
            }
            Some(Why::Close) | None => {
                if let Some((state, failure)) = stopped_as(TransferState::Queued) {
                    self.set_state(id, state, failure.as_ref()).await?;
                }
            }
        }
        Ok(())
    }

    /// Notes a state, then tells it.
    async fn set_state(
        &self,
        id: &str,
        state: TransferState,
        failure: Option<&TransferFailure>,
    ) -> Result<(), StoreError> {
        self.store().set_transfer_state(id, state, failure).await?;
        let record = self.store().transfer(id).await?;
        let _ = self
            .events
            .send(TransferEvent::Progress(TransferProgress::of(&record)));
        Ok(())
    }

    fn tell(&mut self) {
        let now = Instant::now();
        for running in self.running.values_mut() {
            // Without a listener nobody is told.
            let _ = self
                .events
                .send(TransferEvent::Progress(running.meter.look(now).clone()));
        }
    }
}

impl Running {
    /// Tells the job to stop. A later order takes the place of an earlier one, which is thereby done: a cancelled
    /// download is paused too.
    fn stop(&mut self, why: Why) {
        if let Some(Why::Pause(reply) | Why::Cancel(reply)) = self.why.replace(why) {
            let _ = reply.send(Ok(()));
        }
        self.stop.cancel();
    }
}

/// What a transfer still has to fetch: repositories and names of blobs.
fn blobs(record: &TransferRecord) -> impl Iterator<Item = (String, String)> + '_ {
    let missing = record.files.iter().filter(|file| !file.complete);
    missing.map(|file| (record.repo.clone(), file.etag.clone()))
}

fn wants_the_same(record: &TransferRecord, new: &NewTransfer) -> bool {
    let paths = record.files.iter().map(|file| &file.path);
    record.repo == new.repo
        && record.revision == new.revision
        && paths.eq(new.files.iter().map(|file| &file.path))
}
