// The verdict bar's arithmetic: what stands where, as fractions of its length.
import type { Verdict } from "../backend/bindings/Verdict";
import { memorySize } from "../figures/figures";

export type Part = "weights" | "draft" | "kv" | "buffers";
export type Segment = { part: Part; name: string; bytes: number; fraction: number };
export type Bar = {
  segments: Segment[];
  /** Bytes that stay free, or lack where it is below zero. */
  spare: number;
  /** Where the free memory ends: below 1 when more is needed than there is. */
  edge: number;
};

const NAMES: Record<Part, string> = {
  weights: "Weights",
  draft: "Draft model",
  kv: "Context (KV cache)",
  buffers: "Buffers",
};

export function barOf({ memory, usableBytes }: Verdict): Bar {
  const bytes: Record<Part, number> = {
    weights: memory.weightsBytes,
    draft: memory.draftBytes,
    kv: memory.kvBytes,
    buffers: memory.buffersBytes,
  };
  const length = Math.max(usableBytes, memory.peakBytes, 1);
  const parts = (Object.keys(bytes) as Part[]).filter((part) => bytes[part] > 0);
  // The parts may not be at their highest together: what is drawn adds up to the peak.
  const sum = parts.reduce((total, part) => total + bytes[part], 0);
  const scale = sum > 0 ? memory.peakBytes / sum / length : 0;
  return {
    segments: parts.map((part) => ({
      part,
      name: NAMES[part],
      bytes: bytes[part],
      fraction: bytes[part] * scale,
    })),
    spare: usableBytes - memory.peakBytes,
    edge: Math.min(1, usableBytes / length),
  };
}

export const spareWords = (spare: number) =>
  spare >= 0 ? `${memorySize(spare)} stays free` : `${memorySize(-spare)} too much`;

/** The whole bar as a sentence. */
export function barWords(verdict: Verdict): string {
  const { segments, spare } = barOf(verdict);
  const parts = segments.map(({ name, bytes }) => `${name} ${memorySize(bytes)}`);
  return `Memory: ${[...parts, spareWords(spare)].join(", ")}`;
}
