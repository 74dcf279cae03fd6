//! A worker that follows a script, for the supervisor's tests. Its behaviour is its file's name: copy it under the
//! name of one. After a hyphen the name may say what it computes with, as in `good-cuda`.

use std::io::{BufRead, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use hearth_engine::protocol::{
    Chosen, Event, Fault, LONGEST_LINE, LoadedModel, PROTOCOL_VERSION, ReplyStats, Request, StopReason,
};

const LAYERS: usize = 32;
const STEP: Duration = Duration::from_millis(10);

fn main() {
    let exe = std::env::current_exe().unwrap_or_default();
    let name = exe.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (behaviour, backend) = name.split_once('-').unwrap_or((&name, "cpu"));
    let requests = requests();
    if behaviour == "has_no_driver" {
        die("error while loading shared libraries: libcuda.so.1: cannot open shared object file");
    }
    if behaviour == "silent" {
        std::thread::sleep(Duration::from_secs(3600));
    }
    let protocol = if behaviour == "from_another_release" {
        99
    } else {
        PROTOCOL_VERSION
    };
    tell(&Event::Hello {
        protocol,
        engine: "script".to_owned(),
        backend: backend.to_owned(),
        cpu_features: Vec::new(),
    });
    for request in &requests {
        match request {
            Request::Load { id, chosen } => load(behaviour, backend, id, &chosen),
            Request::Generate { id, .. } => reply(behaviour, id, &exe, &requests),
            Request::Count { id, messages } => tell(&Event::Counted {
                id,
                tokens: messages.len(),
            }),
            Request::Measure { id } => tell(&Event::Failed {
                id: Some(id),
                fault: Fault::Engine {
                    detail: "a script has no speed".to_owned(),
                },
            }),
            Request::Keep { id, .. } => keep(behaviour, id, &requests),
            Request::Cancel { .. } => {}
        }
    }
}

fn keep(behaviour: &str, id: u64, requests: &Receiver<Request>) {
    const STEPS: u8 = 20;
    for step in 1..=STEPS {
        let fraction = f32::from(step) / f32::from(STEPS);
        tell(&Event::Keeping { id, fraction });
        if behaviour == "dies_keeping" {
            die("the disk is on fire");
        }
        std::thread::sleep(STEP);
        if requests
            .try_iter()
            .any(|request| matches!(request, Request::Cancel { id: of } if of == id))
        {
            return tell(&Event::Failed {
                id: Some(id),
                fault: Fault::NotKept {
                    detail: "it was stopped".to_owned(),
                },
            });
        }
    }
    tell(&Event::Kept { id, bytes: 7 });
}

fn load(behaviour: &str, backend: &str, id: u64, chosen: &Chosen) {
    let path = &chosen.files[0];
    let failed = |fault| {
        tell(&Event::Failed { id: Some(id), fault });
    };
    tell(&Event::Loading { id, fraction: 0.5 });
    match behaviour {
        "has_little_memory" if path.ends_with("model.gguf") => {
            return failed(Fault::CardFull {
                detail: "out of memory".to_owned(),
            });
        }
        "has_a_broken_card" => {
            return failed(Fault::CardFailed {
                detail: "an illegal memory access".to_owned(),
            });
        }
        "dies_loading" => die("out of luck"),
        "loads_for_ever" => std::thread::sleep(Duration::from_secs(3600)),
        _ => {}
    }
    if !path.exists() {
        return failed(Fault::FileMissing { path: path.into() });
    }
    let model = LoadedModel {
        architecture: "script".to_owned(),
        context: 100,
        trained_context: 100,
        thinks: false,
        load_milliseconds: 1,
        peak_bytes: 0,
        card_layers: match backend {
            "cuda" | "metal" => chosen.card_layers.unwrap_or(LAYERS),
            _ => 0,
        },
        layers: LAYERS,
    };
    tell(&Event::Loaded { id, model });
    if behaviour == "dies_idle" {
        std::thread::sleep(STEP * 10);
        die("nobody asked");
    }
}

fn reply(behaviour: &str, id: u64, exe: &std::path::Path, requests: &Receiver<Request>) {
    tell(&Event::Started { id, prompt_tokens: 7 });
    let words = if behaviour == "deaf" { usize::MAX } else { 20 };
    for word in 0..words {
        tell(&Event::Text {
            id,
            text: format!("{word} "),
            tokens: word + 1,
            tokens_per_second: Some(100.0),
            speed_up: None,
        });
        let marker = exe.with_extension("died");
        match behaviour {
            "dies_answering" if word == 2 => die("I am slain"),
            "dies_answering_once" if word == 2 && !marker.exists() => {
                std::fs::write(marker, "").unwrap_or_else(|_| die("no marker"));
                die("I am slain, once");
            }
            "prints_garbage" => print("{\"type\":\"nonsense\"}\nwarning: \u{1F525} not JSON \0\n"),
            "prints_a_long_line" if word == 2 => print(&"x".repeat(LONGEST_LINE + (2 << 20))),
            _ => {}
        }
        std::thread::sleep(STEP);
        let cancelled = requests
            .try_iter()
            .any(|request| matches!(request, Request::Cancel { id: of } if of == id));
        if cancelled && behaviour != "deaf" {
            return tell(&Event::Done {
                id,
                stop: StopReason::Cancelled,
                stats: ReplyStats::default(),
            });
        }
    }
    tell(&Event::Done {
        id,
        stop: StopReason::End,
        stats: ReplyStats::default(),
    });
}

/// Ends with the app, as a worker must.
fn requests() -> Receiver<Request> {
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(request) = serde_json::from_str(&line) {
                let _ = sender.send(request);
            }
        }
        std::process::exit(0);
    });
    requests
}

fn tell(event: &Event) {
    print(&format!("{}\n", serde_json::to_string(event).unwrap_or_default()));
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

fn die(last_words: &str) -> ! {
    eprintln!("{last_words}");
    std::process::exit(3);
}
