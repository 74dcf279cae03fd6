//! Downloads one file of a repository, and prints how far it is: for tests and benches that kill it.
//!
//! `pull ENDPOINT DATABASE CACHE REPO COMMIT PATH SIZE CHECKSUM [RETRIES [STALL_MS]]`, where the checksum is a
//! SHA-256, or the git hash of a small file, and a connection that brings nothing for STALL_MS is given up. Run again
//! after a kill it goes on. Prints `start DONE` (bytes that the store remembers), then `progress DONE TOTAL` lines, and at
//! the end `finished PATH` or `failed SENTENCE`.

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hearth_hub::transfer::{TransferEvent, TransferLimits, Transfers};
use hearth_hub::{Hub, HubCache, HubConfig, HubError, Timeouts, Token, TokenVault};
use hearth_store::{NewTransfer, NewTransferFile, Store};
use tokio::sync::broadcast::error::RecvError;

/// A person without an account.
#[derive(Debug)]
struct NoToken;

impl TokenVault for NoToken {
    fn read(&self) -> Result<Option<Token>, HubError> {
        Ok(None)
    }

    fn keep(&self, _token: &Token) -> Result<(), HubError> {
        Err(HubError::TokenFromEnvironment)
    }

    fn forget(&self) -> Result<(), HubError> {
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(([endpoint, database, cache, repo, commit, path, size, checksum], options)) =
        arguments.split_first_chunk::<8>()
    else {
        return Err(
            "pull ENDPOINT DATABASE CACHE REPO COMMIT PATH SIZE CHECKSUM [RETRIES [STALL_MS]]".into(),
        );
    };
    let mut retries: u32 = options.first().map_or(Ok(0), |retries| retries.parse())?;
    let stall: u64 = options.get(1).map_or(Ok(30_000), |stall| stall.parse())?;
    let store = Store::open(Path::new(database)).await?;
    let remembered = store.transfers().await?;
    let done: u64 = remembered
        .iter()
        .flat_map(|transfer| &transfer.files)
        .map(|file| match file.complete {
            true => file.size_bytes,
            false => file.segments.iter().map(|segment| segment.done).sum(),
        })
        .sum();
    println!("start {done}");
    let hub = Hub::new(HubConfig {
        endpoint: endpoint.parse()?,
        store: store.clone(),
        token: Arc::new(NoToken),
        timeouts: Timeouts {
            stall: Duration::from_millis(stall),
            ..Timeouts::default()
        },
    })?;
    let transfers = Transfers::start(hub, store, HubCache::at(cache), TransferLimits::default());
    let mut events = transfers.watch();
    let new = NewTransfer {
        repo: repo.clone(),
        revision: commit.clone(),
        name: path.clone(),
        variant: path.clone(),
        files: vec![NewTransferFile {
            path: path.clone(),
            size_bytes: size.parse()?,
            sha256: (checksum.len() == 64).then(|| checksum.clone()),
            etag: checksum.clone(),
        }],
    };
    transfers.queue(new).await?;
    loop {
        match events.recv().await {
            Ok(TransferEvent::Finished { paths, .. }) => {
                transfers.shut_down().await?;
                println!(
                    "finished {}",
                    paths
                        .first()
                        .map(|path| path.display().to_string())
                        .unwrap_or_default()
                );
                return Ok(ExitCode::SUCCESS);
            }
            Ok(TransferEvent::Progress(progress)) => match progress.failure {
                None => println!("progress {} {}", progress.done_bytes, progress.total_bytes),
                Some(failure) => {
                    println!("failed {}", failure.sentence);
                    if retries == 0 {
                        return Ok(ExitCode::FAILURE);
                    }
                    retries -= 1;
                    transfers.resume(&progress.id).await?;
                }
            },
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err("the queue has ended".into()),
        }
    }
}
