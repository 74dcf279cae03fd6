//! What workers are built for, and whether this machine can build them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::command;

/// What a worker computes with besides our own kernels: `Backend` of `crates/engine`, which finds each by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// NVIDIA's cards: needs nvcc.
    Cuda,
    /// Apple's graphics.
    Metal,
    /// The processor with Apple's Accelerate.
    Accelerate,
    /// The processor with Intel's MKL: needs MKL.
    Mkl,
}

impl Backend {
    /// As the engine names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cuda => "cuda",
            Self::Metal => "metal",
            Self::Accelerate => "accelerate",
            Self::Mkl => "mkl",
        }
    }

    /// The worker's cargo features.
    pub fn features(self, flash_attention: bool) -> &'static str {
        match self {
            Self::Cuda if flash_attention => "flash-attn",
            Self::Cuda => "cuda",
            // What finds no room on the graphics is computed by the processor beside it.
            Self::Metal => "metal,accelerate",
            Self::Accelerate => "accelerate",
            Self::Mkl => "mkl",
        }
    }

    /// What this machine lacks to build it; `None` where it lacks nothing.
    pub fn missing(self) -> Option<&'static str> {
        let (is_there, lack) = match self {
            Self::Cuda if cfg!(target_os = "macos") => (false, "macOS has no CUDA"),
            Self::Cuda => (
                nvcc().is_some(),
                "nvcc is neither on the PATH nor in CUDA_HOME: install NVIDIA's CUDA toolkit",
            ),
            Self::Metal | Self::Accelerate => (cfg!(target_os = "macos"), "it is built on macOS"),
            Self::Mkl => (
                cfg!(all(target_arch = "x86_64", not(target_os = "macos"))) && has_mkl(),
                "Intel's MKL is not found: set MKLROOT",
            ),
        };
        (!is_there).then_some(lack)
    }
}

fn nvcc() -> Option<PathBuf> {
    let name = format!("nvcc{}", env::consts::EXE_SUFFIX);
    let roots = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(env::var_os);
    let within = roots
        .map(|root| Path::new(&root).join("bin").join(&name))
        .find(|path| path.is_file());
    command::find("nvcc").or(within)
}

/// As intel-mkl-src looks for it; where it finds none, it downloads one, which a build should not.
fn has_mkl() -> bool {
    let package = "mkl-static-lp64-iomp";
    env::var_os("MKLROOT").is_some_and(|root| Path::new(&root).is_dir())
        || command::read(Command::new("pkg-config").args(["--exists", package])).is_ok()
}
