//! Judges the graphics cards: which are the same one told of twice, and whose memory is the main memory.

use crate::{AmdSeen, CardSeen, Gpu, GpuMemory, MetalSeen, NvmlMemory, NvmlSeen, OsSeen, Sources};

/// The makers whose graphics can compute, by how their full name or the name of a card begins. All else that a system
/// lists as a display is a picture frame: the one that a virtual machine pretends to have, or a server's remote console.
const MAKERS: [(&str, &str); 6] = [
    ("nvidia", "NVIDIA"),
    ("advanced micro devices", "AMD"),
    ("amd", "AMD"),
    ("intel", "Intel"),
    ("apple", "Apple"),
    ("qualcomm", "Qualcomm"),
];

/// Less memory than this, in bytes, is what firmware gives to graphics inside a processor. Used for AMD's where the
/// driver is too old to say what it drives; no AMD card of its generation or later has so little.
const SMALLEST_AMD_CARD: u64 = 2 << 30;

/// NVIDIA's processors whose graphics have no memory of their own. Some drivers tell of the main memory as if it were
/// the card's: <https://github.com/XuehaiPan/nvitop/pull/208>.
const NVIDIA_UNIFIED: [&str; 6] = ["GB10", "Orin", "Thor", "Xavier", "Tegra", "nvgpu"];

/// `cpu` is the processor's name, `total` the main memory in bytes.
pub fn judge(os: &OsSeen, cpu: &str, total: u64, sources: &impl Sources) -> Vec<Gpu> {
    let metal = sources.metal();
    let mut gpus = if metal.is_empty() {
        from_buses(os, cpu, total, sources)
    } else {
        // Metal lists every card a Mac has, with what sysinfo cannot know.
        metal.into_iter().map(from_metal).collect()
    };
    // Stable, so that equal cards keep the order of the bus.
    gpus.sort_by_key(|gpu| std::cmp::Reverse(rank(&gpu.memory)));
    gpus
}

fn rank(memory: &GpuMemory) -> (u8, u64) {
    match memory {
        GpuMemory::Dedicated { total_bytes, .. } => (2, *total_bytes),
        GpuMemory::Unified { budget_bytes } => (1, *budget_bytes),
        GpuMemory::Unknown => (0, 0),
    }
}

fn from_metal(seen: MetalSeen) -> Gpu {
    let vendor = vendor_of(&seen.name).unwrap_or("Apple");
    let memory = match (seen.recommended_bytes, seen.unified) {
        (0, _) => GpuMemory::Unknown,
        (budget_bytes, true) => GpuMemory::Unified { budget_bytes },
        (total_bytes, false) => GpuMemory::Dedicated {
            total_bytes,
            free_bytes: None,
        },
    };
    gpu(vendor, Some(seen.name), memory)
}

/// Joins what the drivers tell with what sysinfo lists, by the address on the bus.
fn from_buses(os: &OsSeen, cpu: &str, total: u64, sources: &impl Sources) -> Vec<Gpu> {
    let mut listed = sources.cards();
    listed.retain(|card| !card.pci.is_empty());
    let mut gpus = Vec::new();
    for seen in sources.nvml() {
        // NVML lists all of NVIDIA's cards. One whose address it does not tell may be any of sysinfo's.
        let card = match &seen.pci {
            Some(pci) => take(&mut listed, |card| same_slot(os, &card.pci, pci)),
            None => take(&mut listed, |card| vendor_name(card) == Some("NVIDIA")),
        };
        let memory = nvidia_memory(os, total, &seen, card.as_ref());
        gpus.push(Gpu {
            id: seen.id,
            ..gpu("NVIDIA", Some(seen.name), memory)
        });
    }
    for seen in sources.amd() {
        let card = take(&mut listed, |card| same_slot(os, &card.pci, &seen.pci));
        gpus.push(amd(cpu, total, seen, card));
    }
    gpus.extend(listed.into_iter().filter_map(|card| only_listed(os, total, card)));
    gpus
}

/// Takes out the first card that answers to `is_it`, and any other entry for the same address.
fn take(listed: &mut Vec<CardSeen>, is_it: impl Fn(&CardSeen) -> bool) -> Option<CardSeen> {
    let found = listed.iter().find(|card| is_it(card))?.clone();
    listed.retain(|card| card.pci != found.pci);
    Some(found)
}

/// On Windows sysinfo leaves out the domain, the part before the first colon.
fn same_slot(os: &OsSeen, a: &str, b: &str) -> bool {
    let slot = |pci: &str| match pci.split_once(':') {
        Some((_, slot)) if os.family == "windows" => slot.to_lowercase(),
        _ => pci.to_lowercase(),
    };
    slot(a) == slot(b)
}

fn nvidia_memory(os: &OsSeen, total: u64, seen: &NvmlSeen, listed: Option<&CardSeen>) -> GpuMemory {
    let mut words = seen.name.split(|c: char| !c.is_ascii_alphanumeric());
    if words.any(|word| NVIDIA_UNIFIED.contains(&word)) {
        return shared_with_nvidia(total);
    }
    match seen.memory {
        NvmlMemory::NotSupported | NvmlMemory::Known { total_bytes: 0, .. } => shared_with_nvidia(total),
        NvmlMemory::Known {
            total_bytes,
            free_bytes,
        } => GpuMemory::Dedicated {
            total_bytes,
            free_bytes: Some(free_bytes.min(total_bytes)),
        },
        NvmlMemory::Failed => listed.map_or(GpuMemory::Unknown, |card| nvidia_listed(os, card)),
    }
}

/// sysinfo asks an older function of NVML, which an older driver still answers.
fn nvidia_listed(os: &OsSeen, card: &CardSeen) -> GpuMemory {
    let used = card.used_bytes.filter(|_| os.family == "linux");
    dedicated(card.total_bytes, used)
}

/// What mistral.rs lets itself use of a memory that an NVIDIA processor shares: three quarters. It takes them of what
/// is available at the moment, so both bounds hold.
fn shared_with_nvidia(total: u64) -> GpuMemory {
    unified(total / 4 * 3)
}

fn amd(cpu: &str, total: u64, seen: AmdSeen, listed: Option<CardSeen>) -> Gpu {
    let model = listed.and_then(|card| card.model);
    let Some(vram) = seen.vram_total_bytes else {
        return gpu("AMD", seen.name.or(model), GpuMemory::Unknown);
    };
    let inside_the_processor = match seen.metrics_format {
        // As the kernel's kgd_pp_interface.h numbers the tables of cards and of APUs.
        Some(1) => false,
        Some(2 | 3) => true,
        _ => vram < SMALLEST_AMD_CARD,
    };
    if inside_the_processor {
        let budget = vram.saturating_add(seen.gtt_total_bytes.unwrap_or(0).min(total));
        return gpu("AMD", graphics_in(cpu).or(seen.name).or(model), unified(budget));
    }
    gpu(
        "AMD",
        seen.name.or(model),
        dedicated(Some(vram), seen.vram_used_bytes),
    )
}

/// The list of PCI devices knows one name for a whole family of AMD processors; the processor knows its own, as in
/// `AMD RYZEN AI MAX+ 395 w/ Radeon 8060S`.
fn graphics_in(cpu: &str) -> Option<String> {
    let (_, name) = cpu.split_once(" w/ ").or_else(|| cpu.split_once(" with "))?;
    name.contains("Radeon").then(|| name.to_owned())
}

/// A card that only sysinfo tells of.
fn only_listed(os: &OsSeen, total: u64, card: CardSeen) -> Option<Gpu> {
    let vendor = vendor_name(&card)?;
    let name = card.model.as_deref().unwrap_or_default();
    let memory = match vendor {
        "NVIDIA" => nvidia_listed(os, &card),
        // Windows' drivers name AMD's cards by their number, and what is inside a processor mostly "… Graphics". What
        // the firmware gave it is its own for good, and hidden from the processor; half of the rest is lent.
        "AMD"
            if name.ends_with("Graphics") || card.total_bytes.is_some_and(|own| own < SMALLEST_AMD_CARD) =>
        {
            unified(card.total_bytes.unwrap_or(0).saturating_add(total / 2))
        }
        // Since its first one, Intel's built-in graphics has had this address. Through Vulkan its driver says how much
        // of the main memory it may take; Windows shows 128 MB that are not there, and lends half:
        // https://learn.microsoft.com/windows-hardware/drivers/display/calculating-graphics-memory
        "Intel" if card.pci.ends_with(":00:02.0") => match card.total_bytes {
            Some(heap) if os.family == "linux" && heap > 0 => unified(heap.min(total)),
            _ => unified(total / 2),
        },
        "Qualcomm" => unified(total / 2),
        _ => dedicated(card.total_bytes, None),
    };
    Some(gpu(vendor, card.model, memory))
}

fn dedicated(total_bytes: Option<u64>, used: Option<u64>) -> GpuMemory {
    match total_bytes {
        None | Some(0) => GpuMemory::Unknown,
        Some(total_bytes) => GpuMemory::Dedicated {
            total_bytes,
            free_bytes: used.map(|used| total_bytes.saturating_sub(used)),
        },
    }
}

fn unified(budget_bytes: u64) -> GpuMemory {
    match budget_bytes {
        0 => GpuMemory::Unknown,
        budget_bytes => GpuMemory::Unified { budget_bytes },
    }
}

fn vendor_of(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let begins = |name: &str| {
        let rest = text.strip_prefix(name)?;
        (!rest.starts_with(char::is_alphanumeric)).then_some(())
    };
    MAKERS
        .iter()
        .find(|(name, _)| begins(name).is_some())
        .map(|(_, short)| *short)
}

fn vendor_name(card: &CardSeen) -> Option<&'static str> {
    // macOS tells no vendor of Apple's own.
    vendor_of(card.vendor.as_deref().or(card.model.as_deref())?)
}

/// The list of PCI devices names a chip, and in brackets what is sold: `Navi 31 [Radeon RX 7900 XTX]`.
fn gpu(vendor: &str, model: Option<String>, memory: GpuMemory) -> Gpu {
    let model = model.unwrap_or_default();
    let sold = model
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or(model.as_str(), |(sold, _)| sold)
        .trim();
    Gpu {
        name: if sold.is_empty() {
            format!("{vendor} graphics")
        } else {
            sold.to_owned()
        },
        vendor: vendor.to_owned(),
        memory,
        id: None,
    }
}
