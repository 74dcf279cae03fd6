//! What the processor offers, found at run time.

/// Instruction sets that a kernel of the engine may ask for, by the names that Rust gives them.
pub fn found() -> Vec<String> {
    let mut found = Vec::new();
    macro_rules! look_for {
        ($detect:ident: $($name:tt),*) => {
            $(if std::arch::$detect!($name) { found.push($name.to_owned()); })*
        };
    }
    #[cfg(target_arch = "x86_64")]
    {
        look_for!(
            is_x86_feature_detected: "avx2", "fma", "f16c", "avxvnni", "avx512f", "avx512bw", "avx512vl",
            "avx512bf16", "avx512vnni"
        );
        found.extend(matrix_unit());
    }
    #[cfg(target_arch = "aarch64")]
    look_for!(is_aarch64_feature_detected: "neon", "dotprod", "i8mm", "fp16", "bf16");
    found
}

/// Rust's own detection of AMX is not stable, so the processor is asked: leaf 7, EDX, bits 24 and 25 (Intel's manual,
/// volume 2A, CPUID). Only Linux lets a program use the unit without more ado, and the engine asks for it only there.
#[cfg(target_arch = "x86_64")]
fn matrix_unit() -> Vec<String> {
    // A processor without leaf 7 would answer with another leaf's bits; one with AVX-512 has it.
    if !cfg!(target_os = "linux") || !std::arch::is_x86_feature_detected!("avx512f") {
        return Vec::new();
    }
    let flags = std::arch::x86_64::__cpuid_count(7, 0).edx;
    let names = [(24, "amx-tile"), (25, "amx-int8")];
    let set = names.iter().filter(|(bit, _)| flags & (1 << bit) != 0);
    set.map(|(_, name)| (*name).to_owned()).collect()
}
