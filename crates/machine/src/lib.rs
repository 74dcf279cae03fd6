//! What this computer has: processor, memory, graphics cards, disks.
//!
//! What the system tells is kept apart from what Hearth makes of it. [`Sources`] are the questions, [`ThisComputer`]
//! asks the real system, and [`Machine::from_sources`] judges: which card is the same one told of twice, whose memory
//! is the processor's own, how much a container leaves. Judging touches nothing, so it is tested on computers that
//! nobody here has: each file in `fixtures/` is what another computer's sources said.
//!
//! To add a computer, run `cargo run -p hearth-machine --example observe` on it and keep what it prints.

mod cpu;
mod disks;
#[cfg(feature = "fixtures")]
mod fixtures;
mod graphics;
mod machine;
mod memory;
mod observed;
mod sources;
mod speeds;
mod this_computer;

#[cfg(feature = "fixtures")]
pub use fixtures::fixtures;
pub use machine::{Cpu, CpuLevel, Disk, Gpu, GpuMemory, Machine, Memory, RESERVE_BYTES};
pub use observed::Observed;
pub use sources::{
    AmdSeen, CardSeen, CgroupSeen, CpuSeen, DiskSeen, MemorySeen, MetalSeen, NvmlMemory, NvmlSeen, OsSeen,
    Sources,
};
pub use speeds::Speeds;
pub use this_computer::ThisComputer;

/// Looks at this computer. Blocks for up to a second or so: graphics drivers are woken to answer.
pub fn look() -> Machine {
    Machine::from_sources(&ThisComputer::new())
}
