//! What the processor offers, as found at run time.

/// Names of the instruction sets that candle's kernels ask for and this processor has.
pub fn features() -> Vec<String> {
    let mut found = Vec::new();
    macro_rules! look_for {
        ($detect:ident: $($name:tt),*) => {
            $(if std::arch::$detect!($name) { found.push($name.to_owned()); })*
        };
    }
    #[cfg(target_arch = "x86_64")]
    look_for!(is_x86_feature_detected: "avx2", "fma", "f16c", "avxvnni", "avx512f", "avx512bw", "avx512vnni");
    #[cfg(target_arch = "aarch64")]
    look_for!(is_aarch64_feature_detected: "neon", "dotprod", "i8mm", "fp16");
    found
}
