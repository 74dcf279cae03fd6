//! What holds of the parser whatever it is given. Shared by the fuzz target and the tests.

use hearth_gguf::{GgufError, Header, Parser, Progress};

/// How many of the last bytes also say how the whole is cut into pieces.
const SIZES: usize = 8;

/// Panics when the parser does not keep to its word on these bytes.
pub fn hold(bytes: &[u8]) {
    let sizes = &bytes[bytes.len().saturating_sub(SIZES)..];
    let at_once = outcome([bytes]);
    let in_pieces = outcome(pieces(bytes, sizes));
    // Not compared as values: a number that is none equals nothing.
    assert_eq!(format!("{at_once:?}"), format!("{in_pieces:?}"));

    match (&at_once, Header::read(bytes)) {
        (Ok(Some(pushed)), Ok(read)) => assert_eq!(format!("{pushed:?}"), format!("{read:?}")),
        (Ok(None), Err(GgufError::NotGguf)) => assert!(bytes.len() < 4),
        (Ok(None), Err(GgufError::TruncatedHeader(end))) => assert_eq!(end, bytes.len() as u64),
        (Err(pushed), Err(read)) => assert_eq!(pushed.to_string(), read.to_string()),
        (pushed, read) => panic!("pushed: {pushed:?}\nread: {read:?}"),
    }
    if let Err(error) = &at_once {
        assert!(error.to_string().len() < 1000, "an error repeats what it was fed");
    }
    if let Ok(Some(header)) = at_once {
        ask_everything(&header, bytes.len() as u64);
    }
}

/// What comes of pushing the pieces; `None` when they end too early.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<Header>, GgufError> {
    let mut parser = Parser::new();
    let (mut pushed, mut asked) = (0, 0);
    for piece in pieces {
        match parser.push(piece)? {
            Progress::Done(header) => return Ok(Some(header)),
            Progress::NeedMore { at_least } => {
                pushed += piece.len() as u64;
                assert!(at_least > pushed, "{at_least} bytes asked for, {pushed} given");
                assert!(at_least >= asked, "{at_least} bytes asked for, {asked} before");
                asked = at_least;
            }
        }
    }
    Ok(None)
}

/// `bytes` in pieces of these sizes, again and again.
fn pieces<'a>(mut bytes: &'a [u8], sizes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut sizes = sizes.iter().cycle();
    std::iter::from_fn(move || {
        let size = usize::from(*sizes.next()?).max(1).min(bytes.len());
        let (piece, rest) = bytes.split_at(size);
        bytes = rest;
        (size > 0).then_some(piece)
    })
}

fn ask_everything(header: &Header, length: u64) {
    let known = header.tensors.iter().all(|tensor| tensor.bytes().is_some());
    if header.weight_bytes().is_some() {
        assert!(known);
    }
    if known && header.check_length(length).is_ok() {
        assert!(header.tensors.iter().all(|tensor| tensor.bytes() <= Some(length)));
    }
    assert!(header.architecture().is_some() || header.context_length().is_none());
    if header.split_count().is_none_or(|count| count <= 1) {
        let whole = Header::join(vec![header.clone()]);
        assert_eq!(format!("{whole:?}"), format!("Ok({header:?})"));
    }
}
