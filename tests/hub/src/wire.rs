//! Sockets that can be ended the wrong way, and listeners that can be away for a while.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::answer::Site;

/// How a connection is to end as soon as all that was said on it is sent.
#[derive(Clone, Default)]
pub(crate) struct Ending(Arc<AtomicU8>);

impl Ending {
    const CLOSE: u8 = 1;
    const RESET: u8 = 2;

    /// In good order (FIN), though the reply is not whole.
    pub fn close(&self) {
        self.0.store(Self::CLOSE, Ordering::Relaxed);
    }

    /// With a reset (RST).
    pub fn reset(&self) {
        self.0.store(Self::RESET, Ordering::Relaxed);
    }
}

struct Wire {
    stream: TcpStream,
    ending: Ending,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context,
        slices: &[IoSlice],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper comes here once its own buffer is empty, so an error here ends the connection exactly
    /// after the last byte that was to be sent.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        match self.ending.0.load(Ordering::Relaxed) {
            Ending::CLOSE => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            Ending::RESET => {
                self.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            _ => Pin::new(&mut self.stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Bytes that a connection holds and that have not left for the other side: a server's are far away from the computer that
/// downloads. Without a bound this system makes it megabytes, all of them counted as sent.
const SEND_BUFFER: u32 = 128 << 10;

/// A listener whose connections send what they count.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // As `TcpListener::bind` does; on Windows it would let two programs have one port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(1024)
}

/// Serves one site until it is dropped, and is away while it is told to be. `up` says which.
pub(crate) async fn serve(mut listener: TcpListener, site: Site, up: watch::Sender<bool>) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    let mut online = site.state.online.subscribe();
    loop {
        let mut connections = JoinSet::new();
        up.send_replace(true);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(talk(stream, site.clone()));
                    }
                    // Out of file descriptors: some will be given back.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                },
                Some(_) = connections.join_next() => {}
                () = turned(&mut online, false) => break,
            }
        }
        drop(listener);
        connections.shutdown().await;
        up.send_replace(false);
        turned(&mut online, true).await;
        listener = bind_again(address).await;
    }
}

async fn turned(online: &mut watch::Receiver<bool>, wanted: bool) {
    // The sender is part of the state that the site holds: it cannot be gone.
    let _now = online.wait_for(|now| *now == wanted).await;
}

/// The port was free a moment ago; should another program have it, it is waited for.
async fn bind_again(address: SocketAddr) -> TcpListener {
    loop {
        match bind(address) {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn talk(stream: TcpStream, site: Site) {
    let ending = Ending::default();
    // A reply waits for nothing but what a test asked for.
    let _not_on_this_system = stream.set_nodelay(true);
    let wire = Wire {
        stream,
        ending: ending.clone(),
    };
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (site, ending) = (site.clone(), ending.clone());
        async move { Ok::<_, Infallible>(site.answer(request.map(Body::new), ending).await) }
    });
    // A connection fails when its client goes away, or because a test wanted it to.
    let _ended = http1::Builder::new()
        .serve_connection(TokioIo::new(wire), service)
        .await;
}
