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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder as the driver of a card would show it.
    fn card_in(root: &Path, name: &str, files: &[(&str, &[u8])]) {
        let device = root.join(name).join("device");
        fs::create_dir_all(&device).unwrap();
        for (name, content) in files {
            fs::write(device.join(name), content).unwrap();
        }
    }

    #[test]
    fn a_driver_tells_of_its_card() {
        let root = tempfile::tempdir().unwrap();
        let files: [(&str, &[u8]); 6] = [
            ("vendor", b"0x1002\n"),
            (
                "uevent",
                b"DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_SLOT_NAME=0000:c5:00.0\n",
            ),
            ("mem_info_vram_total", b"4294967296\n"),
            ("mem_info_vram_used", b"325058560\n"),
            ("mem_info_gtt_total", b"103079215104\n"),
            ("gpu_metrics", &[0x08, 0x01, 3, 0, 0xff, 0xff]),
        ];
        card_in(root.path(), "card1", &files);
        card_in(root.path(), "card1-eDP-1", &files);
        card_in(root.path(), "renderD128", &files);
        card_in(
            root.path(),
            "card0",
            &[
                ("vendor", b"0x8086\n"),
                ("uevent", b"PCI_SLOT_NAME=0000:00:02.0\n"),
            ],
        );
        let expected = AmdSeen {
            pci: "0000:c5:00.0".to_owned(),
            name: None,
            vram_total_bytes: Some(4_294_967_296),
            vram_used_bytes: Some(325_058_560),
            gtt_total_bytes: Some(103_079_215_104),
            metrics_format: Some(3),
        };
        assert_eq!(cards(root.path()), [expected]);
    }

    #[test]
    fn files_that_are_missing_or_nonsense_are_answers_not_given() {
        let root = tempfile::tempdir().unwrap();
        let named: [(&str, &[u8]); 2] = [("vendor", b"0x1002"), ("uevent", b"PCI_SLOT_NAME=0000:03:00.0")];
        let nonsense: [(&str, &[u8]); 5] = [
            ("mem_info_vram_total", b"99999999999999999999999"),
            ("mem_info_vram_used", b"-1"),
            ("mem_info_gtt_total", b"\xff\xfe"),
            ("gpu_metrics", &[1, 2, 3]),
            ("product_name", b"\n"),
        ];
        card_in(root.path(), "card7", &[named.as_slice(), &nonsense].concat());
        // The same address again, this one with a folder where a file should be.
        card_in(root.path(), "card8", &named);
        fs::create_dir(root.path().join("card8/device/mem_info_vram_total")).unwrap();
        card_in(
            root.path(),
            "card9",
            &[("vendor", b"0x1002"), ("uevent", &[b'x'; 100_000])],
        );
        fs::write(root.path().join("card10"), "not a folder").unwrap();
        let expected = AmdSeen {
            pci: "0000:03:00.0".to_owned(),
            name: None,
            vram_total_bytes: None,
            vram_used_bytes: None,
            gtt_total_bytes: None,
            metrics_format: None,
        };
        assert_eq!(cards(root.path()), [expected]);
        assert_eq!(cards(&root.path().join("not there")), []);
    }
}
