//! One worker's life: requests in, events out, at most one model and one reply at a time.

use std::sync::Arc;

use hearth_engine::protocol::{Event, Fault, Request, RequestId};
use tokio::sync::{mpsc, oneshot};

use crate::connection::Outbox;
use crate::device;
use crate::fault::last_panic;
use crate::generate;
use crate::load::{Model, load};
use crate::measure;
use crate::uqff;

/// Work that ended: the model if it still stands, and the event to end with. The event is sent once the slot is free,
/// so that the app's next request, sent the moment it comes, is not refused.
struct Ended {
    model: Option<Arc<Model>>,
    event: Event,
}

/// Serves requests until the app is gone.
pub async fn run(mut requests: mpsc::UnboundedReceiver<Request>, outbox: Outbox) {
    let mut model: Option<Arc<Model>> = None;
    let mut working: Option<(RequestId, oneshot::Sender<()>)> = None;
    let (ended, mut ends) = mpsc::unbounded_channel::<Ended>();
    loop {
        let request = tokio::select! {
            Some(end) = ends.recv() => {
                model = end.model;
                working = None;
                outbox.send(end.event);
                continue;
            }
            request = requests.recv() => request,
        };
        let Some(request) = request else { return };
        let refuse = |id, fault| outbox.send(Event::Failed { id: Some(id), fault });
        match request {
            Request::Cancel { id } => {
                if let Some((_, cancel)) = working.take_if(|(working, _)| *working == id) {
                    let _ = cancel.send(());
                    // The slot is free again once the work says that it has ended.
                    working = Some((id, oneshot::channel().0));
                }
            }
            Request::Load { id, .. }
            | Request::Generate { id, .. }
            | Request::Count { id, .. }
            | Request::Keep { id, .. }
            | Request::Measure { id }
                if working.is_some() =>
            {
                refuse(id, Fault::Busy);
            }
            Request::Load { id, .. } | Request::Measure { id } if model.is_some() => refuse(id, Fault::Busy),
            Request::Measure { id } => {
                let (cancel, _) = oneshot::channel();
                working = Some((id, cancel));
                let ended = ended.clone();
                tokio::spawn(async move {
                    let measured = tokio::task::spawn_blocking(measure::speeds).await;
                    let event = match measured {
                        Ok(Ok(speeds)) => Event::Measured { id, speeds },
                        Ok(Err(error)) => failed(id, error.to_string()),
                        Err(_) => failed(id, last_panic()),
                    };
                    let _ = ended.send(Ended { model: None, event });
                });
            }
            Request::Load { id, chosen } => {
                let (cancel, _) = oneshot::channel();
                working = Some((id, cancel));
                let (outbox, ended) = (outbox.clone(), ended.clone());
                tokio::spawn(async move {
                    let end = match load(id, chosen, &outbox).await {
                        Ok((model, loaded)) => Ended {
                            model: Some(Arc::new(model)),
                            event: Event::Loaded { id, model: loaded },
                        },
                        Err(fault) => Ended {
                            model: None,
                            event: Event::Failed {
                                id: Some(id),
                                fault: device::blame(fault),
                            },
                        },
                    };
                    let _ = ended.send(end);
                });
            }
            Request::Generate { id, question } => {
                let Some(model) = model.clone() else {
                    refuse(id, Fault::NoModel);
                    continue;
                };
                let (cancel, cancelled) = oneshot::channel();
                working = Some((id, cancel));
                let (outbox, ended) = (outbox.clone(), ended.clone());
                tokio::spawn(async move {
                    let done = generate::reply(&model, id, question, &outbox, cancelled).await;
                    let _ = ended.send(after(id, model, done));
                });
            }
            Request::Keep { id, folder } => {
                let Some(model) = model.clone() else {
                    refuse(id, Fault::NoModel);
                    continue;
                };
                let (cancel, cancelled) = oneshot::channel();
                working = Some((id, cancel));
                let (outbox, ended) = (outbox.clone(), ended.clone());
                tokio::spawn(async move {
                    let kept = uqff::keep(id, model.kept.clone(), folder, &outbox, cancelled).await;
                    let _ = ended.send(after(id, model, kept));
                });
            }
            Request::Count { id, messages } => {
                let Some(model) = model.clone() else {
                    refuse(id, Fault::NoModel);
                    continue;
                };
                let (cancel, _) = oneshot::channel();
                working = Some((id, cancel));
                let ended = ended.clone();
                tokio::spawn(async move {
                    let counted = generate::tokens(&model, &messages, false).await;
                    let counted = counted.map(|tokens| Event::Counted {
                        id,
                        tokens: tokens.len(),
                    });
                    let _ = ended.send(after(id, model, counted));
                });
            }
        }
    }
}

fn failed(id: RequestId, detail: String) -> Event {
    Event::Failed {
        id: Some(id),
        fault: Fault::Engine { detail },
    }
}

/// A model whose engine panicked is dropped: locks inside it may be poisoned.
fn after(id: RequestId, model: Arc<Model>, result: Result<Event, Fault>) -> Ended {
    let result = result.map_err(device::blame);
    let keep = !matches!(result, Err(Fault::Panicked { .. } | Fault::CardFailed { .. }));
    let event = result.unwrap_or_else(|fault| Event::Failed { id: Some(id), fault });
    Ended {
        model: keep.then_some(model),
        event,
    }
}
