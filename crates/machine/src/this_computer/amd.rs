//! AMD's cards on Linux, told by the files of their driver: the only source that knows how much of the main memory the
//! graphics may map. <https://docs.kernel.org/gpu/amdgpu/driver-misc.html>

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::AmdSeen;

/// Longest file read, in bytes; the longest real one here is `uevent`.
const LONGEST: u64 = 4096;

/// `root` is `/sys/class/drm`. A file that is missing or makes no sense is an answer not given.
pub fn cards(root: &Path) -> Vec<AmdSeen> {
    let Ok(entries) = std::fs::read_dir(root) else {
        return Vec::new();
    };
    let mut cards: Vec<AmdSeen> = entries
        .flatten()
        .filter(|entry| is_card(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| card(&entry.path().join("device")))
        .collect();
    cards.sort_by(|a, b| a.pci.cmp(&b.pci));
    cards.dedup_by(|a, b| a.pci == b.pci);
    cards
}

/// `card0` is a card, `card0-HDMI-A-1` a socket of it.
fn is_card(name: &str) -> bool {
    name.strip_prefix("card")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn card(device: &Path) -> Option<AmdSeen> {
    if text(&device.join("vendor"))? != "0x1002" {
        return None;
    }
    let uevent = text(&device.join("uevent"))?;
    let pci = uevent
        .lines()
        .find_map(|line| line.strip_prefix("PCI_SLOT_NAME="))?;
    let bytes = |name: &str| text(&device.join(name))?.parse().ok();
    Some(AmdSeen {
        pci: pci.trim().to_owned(),
        name: text(&device.join("product_name")).filter(|name| !name.is_empty()),
        vram_total_bytes: bytes("mem_info_vram_total"),
        vram_used_bytes: bytes("mem_info_vram_used"),
        gtt_total_bytes: bytes("mem_info_gtt_total"),
        // A 16-bit size, then the format's number: `struct metrics_table_header` in the kernel's kgd_pp_interface.h.
        metrics_format: start(&device.join("gpu_metrics"), 4)
            .filter(|head| head.len() == 4)
            .map(|head| head[2]),
    })
}

fn text(path: &Path) -> Option<String> {
    let text = String::from_utf8(start(path, LONGEST)?).ok()?;
    Some(text.trim().to_owned())
}

fn start(path: &Path, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(length).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
