//! Closes a window as its title bar's button does: WebDriver can only kill the app.

use anyhow::{Context, Result};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, MapState, Window as Id,
};
use x11rb::rust_connection::RustConnection;

use crate::process::Process;

/// Asks the visible window of `app` on `display` to close.
pub(crate) fn close(display: &str, app: Process) -> Result<()> {
    let (screen, number) = x11rb::connect(Some(display))?;
    let root = screen.setup().roots[number].root;
    let window = find(&screen, root, app)?.context("the app has no window on the screen")?;
    let protocols = screen.intern_atom(false, b"WM_PROTOCOLS")?.reply()?.atom;
    let delete = screen.intern_atom(false, b"WM_DELETE_WINDOW")?.reply()?.atom;
    let message = ClientMessageEvent::new(32, window, protocols, [delete, x11rb::CURRENT_TIME, 0, 0, 0]);
    screen
        .send_event(false, window, EventMask::NO_EVENT, message)?
        .check()?;
    Ok(())
}

fn find(screen: &RustConnection, parent: Id, app: Process) -> Result<Option<Id>> {
    let owner = screen.intern_atom(false, b"_NET_WM_PID")?.reply()?.atom;
    for window in screen.query_tree(parent)?.reply()?.children {
        let property = screen
            .get_property(false, window, owner, AtomEnum::CARDINAL, 0, 1)?
            .reply()?;
        let pid = property.value32().and_then(|mut values| values.next());
        let visible = screen.get_window_attributes(window)?.reply()?.map_state == MapState::VIEWABLE;
        if visible && pid.and_then(|pid| i32::try_from(pid).ok()) == Some(app.id()) {
            return Ok(Some(window));
        }
    }
    Ok(None)
}
