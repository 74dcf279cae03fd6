// This computer in words that need no engineer.
import type { Cpu } from "../backend/bindings/Cpu";
import type { CpuLevel } from "../backend/bindings/CpuLevel";
import type { Disk } from "../backend/bindings/Disk";
import type { Gpu } from "../backend/bindings/Gpu";
import type { Memory } from "../backend/bindings/Memory";
import type { ThisComputer } from "../backend/bindings/ThisComputer";
import { billions, fileSize, memorySize, pace } from "../figures/figures";

/** What it runs, and how fast: the sentence that matters. */
export function classWords({ runsWell, speeds }: ThisComputer): string {
  if (!runsWell)
    return "Too little memory is free for a model of any use. Close other programs and look again.";
  const models = `Runs models up to about ${billions(runsWell.billions * 1e9)} parameters`;
  if (runsWell.tokensPerSecond !== null) return `${models}, ${pace(runsWell.tokensPerSecond)}.`;
  return speeds ? `${models}.` : `${models}. How fast is not measured yet.`;
}

/** What a model of that class is good for. */
export function classMeaning({ runsWell }: ThisComputer): string | null {
  if (!runsWell) return null;
  if (runsWell.billions < 2) return "Such models rephrase, sort and answer simply. They know little.";
  if (runsWell.billions < 6) return "Such models chat, summarise and draft letters. They err on facts.";
  if (runsWell.billions < 20)
    return "Such models are good all-round assistants for writing, code and questions.";
  return "Such models come close to what the large online assistants do.";
}

export const cpuWords = ({ name, physicalCores }: Cpu) =>
  `${name}, ${physicalCores} ${physicalCores === 1 ? "core" : "cores"}`;

export function memoryWords({ totalBytes, availableBytes, limitBytes, unified }: Memory): string {
  const free = `${memorySize(availableBytes)} free now`;
  if (limitBytes !== null) return `${memorySize(limitBytes)} allowed to this container, ${free}`;
  return `${memorySize(totalBytes)}, ${free}${unified ? ", shared with the graphics" : ""}`;
}

export function gpuWords({ name, memory }: Gpu): string {
  switch (memory.kind) {
    case "dedicated": {
      const free = memory.freeBytes === null ? "" : `, ${memorySize(memory.freeBytes)} free now`;
      return `${name}, ${memorySize(memory.totalBytes)} of its own${free}`;
    }
    case "unified":
      return `${name}, may use ${memorySize(memory.budgetBytes)} of the main memory`;
    case "unknown":
      return `${name}; how much memory it has could not be read`;
  }
}

/** What models compute on here. */
export function computeWords({ card, cards }: ThisComputer): string {
  if (card !== null) return `Models compute on ${card} as far as they find room there.`;
  return cards.length > 0
    ? "Models compute on the processor."
    : "This Hearth has no engine for it: models compute on the processor.";
}

export const diskWords = ({ totalBytes, freeBytes }: Disk) =>
  `${fileSize(freeBytes)} free of ${fileSize(totalBytes)}`;

const LEVELS: Record<CpuLevel, string> = {
  baseline: "none that help models",
  avx2: "AVX2",
  avxVnni: "AVX-VNNI",
  avx512: "AVX-512",
  avx512Vnni: "AVX-512 with VNNI",
  amx: "AMX",
  neon: "NEON",
  neonDotprod: "NEON with dot product",
  neonI8mm: "NEON with matrix products",
};

export const levelWords = (level: CpuLevel) => LEVELS[level];
