//! What this worker computes on: the graphics card that it was built for, or the processor.

use std::sync::OnceLock;

use candle_core::{Device, Result};
use hearth_engine::Backend;
use hearth_engine::protocol::Fault;
use mistralrs_core::{DeviceLayerMapMetadata, DeviceMapMetadata, DeviceMapSetting, ModelDType};

static DEVICE: OnceLock<Device> = OnceLock::new();

/// What the worker was built for.
pub const BACKEND: Backend = if cfg!(feature = "cuda") {
    Backend::Cuda
} else if cfg!(feature = "metal") {
    Backend::Metal
} else if cfg!(feature = "accelerate") {
    Backend::Accelerate
} else if cfg!(feature = "mkl") {
    Backend::Mkl
} else {
    Backend::Cpu
};

/// Opens the graphics card: the first that the driver shows. A processor is always open.
///
/// # Errors
/// The driver's.
pub fn open() -> Result<()> {
    let device = match BACKEND {
        Backend::Cuda => Device::new_cuda(0)?,
        Backend::Metal => Device::new_metal(0)?,
        Backend::Accelerate | Backend::Mkl | Backend::Cpu => Device::Cpu,
    };
    let _ = DEVICE.set(device);
    Ok(())
}

/// What models compute on; the processor before [`open`].
pub fn get() -> Device {
    DEVICE.get().cloned().unwrap_or(Device::Cpu)
}

/// Where a model's layers go.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Takes the embeddings, the output, and the first layers.
    pub device: Device,
    /// How many layers; the rest stays with the processor. `None`: all.
    layers: Option<usize>,
    /// A card may compute in 16 bits.
    halves: bool,
}

impl Placement {
    /// The first `layers` of a model on the graphics card, where there is one; `None`: all of them.
    ///
    /// # Errors
    /// [`Fault::CardFull`] for a part of a model in a worker with flash attention, which makes no masks, so that the
    /// processor would see what is to come.
    pub fn of(device: Device, layers: Option<usize>) -> std::result::Result<Self, Fault> {
        let layers = layers.filter(|_| !device.is_cpu());
        if layers.is_some() && mistralrs_core::using_flash_attn() {
            let detail = "an engine with flash attention takes a model whole or not at all".to_owned();
            return Err(Fault::CardFull { detail });
        }
        Ok(Self {
            device,
            layers,
            halves: true,
        })
    }

    /// The same for a model that computes in 32 bits wherever it lies.
    pub fn in_32_bits(&self) -> Self {
        Self {
            halves: false,
            ..self.clone()
        }
    }

    /// As mistral.rs wants to be told.
    pub fn map(&self) -> DeviceMapSetting {
        match self.layers {
            None => DeviceMapSetting::dummy(),
            Some(layers) => {
                let first = DeviceLayerMapMetadata { ordinal: 0, layers };
                DeviceMapSetting::Map(DeviceMapMetadata::from_num_device_layers(vec![first]))
            }
        }
    }

    /// The numbers between the products. A processor computes in 32 bits (its cache keeps 16 all the same,
    /// patches/mistralrs-core/attention.patch), a card in the 16 that it is made for; what passes from one to the other suits
    /// both.
    pub fn dtype(&self) -> ModelDType {
        match self.layers {
            None if self.halves && !self.device.is_cpu() => ModelDType::Auto,
            _ => ModelDType::F32,
        }
    }

    /// Of so many layers, how many lie on the card.
    pub fn card_layers(&self, all: usize) -> usize {
        match self.device.is_cpu() {
            true => 0,
            false => self.layers.unwrap_or(all).min(all),
        }
    }
}

/// Says of an engine's failure that it is the graphics card's, where its words are a driver's.
pub fn blame(fault: Fault) -> Fault {
    if get().is_cpu() { fault } else { blame_card(fault) }
}

fn blame_card(fault: Fault) -> Fault {
    const FULL: [&str; 3] = ["out of memory", "out_of_memory", "insufficient memory"];
    const DRIVERS: [&str; 5] = ["cuda", "cublas", "curand", "drivererror", "metal"];
    let (Fault::BadModel { detail } | Fault::Engine { detail } | Fault::Panicked { detail }) = &fault else {
        return fault;
    };
    let words = detail.to_lowercase();
    let says = |any: &[&str]| any.iter().any(|one| words.contains(one));
    let detail = detail.clone();
    if says(&FULL) {
        Fault::CardFull { detail }
    } else if says(&DRIVERS) {
        Fault::CardFailed { detail }
    } else {
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_s_words_blame_the_card_and_others_do_not() {
        let fault = |detail: &str| Fault::BadModel {
            detail: detail.to_owned(),
        };
        let full = r#"DriverError(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")"#;
        let broken = r#"DriverError(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access")"#;
        assert!(matches!(blame_card(fault(full)), Fault::CardFull { .. }));
        assert!(matches!(blame_card(fault(broken)), Fault::CardFailed { .. }));
        let model = fault("cannot find tensor output.weight");
        assert_eq!(blame_card(model.clone()), model);
        assert_eq!(blame_card(Fault::Busy), Fault::Busy);
        // On the processor nobody is blamed.
        assert_eq!(blame(fault(broken)), fault(broken));
    }

    #[test]
    fn a_processor_s_worker_keeps_all_layers_whatever_it_is_told() -> std::result::Result<(), Fault> {
        let placement = Placement::of(Device::Cpu, Some(24))?;
        assert!(matches!(placement.dtype(), ModelDType::F32));
        assert!(matches!(placement.map(), DeviceMapSetting::Map(map) if map.device_layers().is_none()));
        assert_eq!(placement.card_layers(32), 0);
        Ok(())
    }
}
