//! `hearth machine`.

use hearth_app::{App, ErrorReport, ThisComputer};
use hearth_machine::GpuMemory;

use crate::output::{Output, size};

#[derive(clap::Args)]
pub struct Arguments {
    /// Measure first: about ten seconds.
    #[arg(long)]
    measure: bool,
}

pub async fn run(app: &App, arguments: Arguments, output: &Output) -> Result<(), ErrorReport> {
    let computer = if arguments.measure {
        app.measure_computer().await?
    } else {
        app.this_computer().await
    };
    output.answer(&computer, text);
    Ok(())
}

fn text(computer: &ThisComputer) -> String {
    let machine = &computer.machine;
    let mut lines = vec![
        format!("System     {}", machine.os),
        format!(
            "Processor  {}, {} cores",
            machine.cpu.name, machine.cpu.physical_cores
        ),
        format!(
            "Memory     {}, {} free for a model",
            size(machine.memory.total_bytes),
            size(computer.usable_bytes)
        ),
    ];
    for gpu in &machine.gpus {
        let memory = match gpu.memory {
            GpuMemory::Dedicated { total_bytes, .. } => format!("{} of its own", size(total_bytes)),
            GpuMemory::Unified { budget_bytes } => format!("up to {} of the memory", size(budget_bytes)),
            GpuMemory::Unknown => "memory unknown".to_owned(),
        };
        lines.push(format!("Graphics   {}, {memory}", gpu.name));
    }
    lines.push(match &computer.card {
        Some(card) => format!("Computes   on {card}, and on the processor what finds no room there"),
        None => "Computes   on the processor".to_owned(),
    });
    for disk in &machine.disks {
        lines.push(format!(
            "Disk       {}, {} free",
            disk.mount,
            size(disk.free_bytes)
        ));
    }
    lines.push(match &computer.speeds {
        Some(speeds) => format!(
            "Measured   memory {:.1} GB/s, decoding {:.1} GB/s of weights",
            speeds.read_bytes_per_second / 1e9,
            speeds.matvec_bytes_per_second / 1e9
        ),
        None => "Measured   not yet: hearth machine --measure".to_owned(),
    });
    lines.push(match &computer.runs_well {
        Some(runs) => {
            let speed = runs
                .tokens_per_second
                .map(|speed| format!(", about {speed:.0} tokens/s"))
                .unwrap_or_default();
            format!(
                "Runs       models up to about {:.0} B parameters{speed}",
                runs.billions
            )
        }
        None => "Runs       no model of the starting list: too little memory is free".to_owned(),
    });
    lines.join("\n")
}
