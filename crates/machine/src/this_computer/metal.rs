//! Apple's graphics, told by Metal.

use objc2_metal::{MTLCopyAllDevices, MTLDevice};

use crate::MetalSeen;

/// Every device. Unlike asking for the default one, this does not make an Intel Mac switch to its faster card.
pub fn devices() -> Vec<MetalSeen> {
    let devices = MTLCopyAllDevices().to_vec();
    let seen = devices.iter().map(|device| MetalSeen {
        name: device.name().to_string(),
        unified: device.hasUnifiedMemory(),
        recommended_bytes: device.recommendedMaxWorkingSetSize(),
    });
    seen.collect()
}
