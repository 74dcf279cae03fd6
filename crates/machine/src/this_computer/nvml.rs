//! NVIDIA's cards, told by the library that comes with their driver.

use std::ffi::OsString;

use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};

use crate::{NvmlMemory, NvmlSeen};

/// Every card the driver lists; none without a driver. May wake a sleeping card, which takes up to a second.
pub fn cards() -> Vec<NvmlSeen> {
    let opened = libraries()
        .into_iter()
        .find_map(|library| Nvml::builder().lib_path(&library).init().ok());
    let Some(nvml) = opened else {
        return Vec::new();
    };
    let count = nvml.device_count().unwrap_or(0);
    let cards = (0..count).filter_map(|index| match nvml.device_by_index(index) {
        Ok(device) => Some(seen(&device)),
        Err(error) => {
            tracing::warn!(index, %error, "an NVIDIA card does not answer");
            None
        }
    });
    cards.collect()
}

/// Where the library may be, by its name or its path.
#[cfg(not(windows))]
fn libraries() -> Vec<OsString> {
    let places = [
        "libnvidia-ml.so.1",
        // Windows lends its driver to WSL2 here, and not every distribution looks there.
        "/usr/lib/wsl/lib/libnvidia-ml.so.1",
        // NixOS.
        "/run/opengl-driver/lib/libnvidia-ml.so.1",
    ];
    places.map(OsString::from).to_vec()
}

/// Full paths only: a bare name would also be looked for in the folder that Hearth was started from.
#[cfg(windows)]
fn libraries() -> Vec<OsString> {
    // The second is where drivers before 2019 put it.
    let places = [
        ("SystemRoot", r"System32\nvml.dll"),
        ("ProgramFiles", r"NVIDIA Corporation\NVSMI\nvml.dll"),
    ];
    let places = places.iter().filter_map(|(folder, file)| {
        let folder = std::path::PathBuf::from(std::env::var_os(folder)?);
        Some(folder.join(file).into_os_string())
    });
    places.collect()
}

fn seen(device: &Device<'_>) -> NvmlSeen {
    NvmlSeen {
        // NVML has no function number; a card's graphics is function 0.
        pci: device
            .pci_info()
            .ok()
            .map(|pci| format!("{:04x}:{:02x}:{:02x}.0", pci.domain, pci.bus, pci.device)),
        name: device.name().unwrap_or_default(),
        id: device.uuid().ok(),
        memory: match device.memory_info() {
            Ok(memory) => NvmlMemory::Known {
                total_bytes: memory.total,
                free_bytes: memory.free,
            },
            Err(NvmlError::NotSupported) => NvmlMemory::NotSupported,
            Err(error) => {
                tracing::warn!(%error, "an NVIDIA card does not tell of its memory");
                NvmlMemory::Failed
            }
        },
    }
}
