// Computers, verdicts and repositories as the tests describe them.
import type { Download } from "../src/lib/backend/bindings/Download";
import type { HubRow } from "../src/lib/backend/bindings/HubRow";
import type { Label } from "../src/lib/backend/bindings/Label";
import type { LibraryEntry } from "../src/lib/backend/bindings/LibraryEntry";
import type { Model } from "../src/lib/backend/bindings/Model";
import type { RepoPage } from "../src/lib/backend/bindings/RepoPage";
import type { Suggestion } from "../src/lib/backend/bindings/Suggestion";
import type { ThisComputer } from "../src/lib/backend/bindings/ThisComputer";
import type { VariantRow } from "../src/lib/backend/bindings/VariantRow";
import type { Verdict } from "../src/lib/backend/bindings/Verdict";

export const GIB = 2 ** 30;

export const computer = (more: Partial<ThisComputer> = {}): ThisComputer => ({
  machine: {
    os: "Debian GNU/Linux 13",
    cpu: {
      name: "AMD Ryzen 7 7840U",
      physicalCores: 8,
      logicalCores: 16,
      features: ["avx2", "avx512f", "avx512_vnni"],
      level: "avx512Vnni",
    },
    memory: { totalBytes: 16 * GIB, availableBytes: 11 * GIB, limitBytes: null, unified: false },
    gpus: [],
    disks: [{ mount: "/", totalBytes: 512e9, freeBytes: 180e9 }],
  },
  speeds: {
    readBytesPerSecond: 48.2e9,
    matvecBytesPerSecond: 41e9,
    promptWeightsPerSecond: 96e9,
    layerSeconds: 1e-4,
    promptNumbersPerSecond: 3e8,
    keyNumbersPerSecond: 3e9,
    attentionNumbersPerSecond: 1e10,
    promptAttentionPerSecond: 2e10,
    threads: 8,
    measuredAt: Date.UTC(2026, 10, 20, 12),
  },
  measuring: false,
  usableBytes: 10 * GIB,
  cards: [],
  card: null,
  runsWell: { billions: 8, tokensPerSecond: 16 },
  ...more,
});

export const verdict = (label: Label = "fits", more: Partial<Verdict> = {}): Verdict => ({
  label,
  memory: {
    weightsBytes: 5 * GIB,
    kvBytes: GIB / 2,
    buffersBytes: GIB / 4,
    draftBytes: 0,
    peakBytes: 5.75 * GIB,
  },
  usableBytes: 10 * GIB,
  totalBytes: 16 * GIB,
  card: null,
  context: 4096,
  largestContext: 32_768,
  decode: { tokensPerSecond: 16, low: 13, high: 19 },
  prompt: { tokensPerSecond: 120, low: 100, high: 140 },
  reason: null,
  basis: "formula",
  ...more,
});

export const tooBig = verdict("tooBig", {
  memory: {
    weightsBytes: 14 * GIB,
    kvBytes: GIB,
    buffersBytes: GIB,
    draftBytes: 0,
    peakBytes: 16 * GIB,
  },
  largestContext: null,
});

export const row = (id: string, more: Partial<HubRow> = {}): HubRow => ({
  id,
  author: id.split("/")[0] ?? "",
  name: id.split("/")[1] ?? id,
  downloads: 1_240_000,
  likes: 321,
  lastModified: new Date(Date.now() - 3 * 86_400_000).toISOString(),
  gated: "no",
  licence: "apache-2.0",
  task: "text-generation",
  parameters: 8.03e9,
  architecture: "llama",
  contextLength: 131_072,
  verdict: "fits",
  installed: false,
  ...more,
});

export const variant = (name: string, more: Partial<VariantRow> = {}): VariantRow => ({
  name,
  quantisedHere: false,
  files: [`model-${name}.gguf`],
  sizeBytes: 4.92e9,
  verdict: verdict(),
  reason: null,
  state: "available",
  owner: null,
  recommended: false,
  ...more,
});

export const REPO = "bartowski/Llama-3.1-8B-Instruct-GGUF";

export const repoPage = (more: Partial<RepoPage> = {}): RepoPage => ({
  id: REPO,
  sha: "0123abcd",
  licence: "llama3.1",
  gated: "no",
  card: "# Llama 3.1\n\nA model that **answers**.",
  parameters: 8.03e9,
  baseModel: "meta-llama/Llama-3.1-8B-Instruct",
  trainedContext: 131_072,
  variants: [
    variant("Q4_K_M", { recommended: true }),
    variant("Q8_0", { sizeBytes: 8.54e9, verdict: tooBig }),
  ],
  cachedAt: null,
  pageUrl: `https://huggingface.co/${REPO}`,
  ...more,
});

export const suggestion = (name: string, more: Partial<Suggestion> = {}): Suggestion => ({
  repo: `makers/${name.replaceAll(" ", "-")}-GGUF`,
  variant: "Q4_K_M",
  name,
  why: "A good all-round assistant for its size.",
  sizeBytes: 2.5e9,
  parameters: 4e9,
  licence: "apache-2.0",
  verdict: verdict(),
  ...more,
});

export const download = (id: string, more: Partial<Download> = {}): Download => ({
  id,
  repo: REPO,
  variant: "Q4_K_M",
  name: `Model ${id}`,
  state: "queued",
  doneBytes: 0,
  totalBytes: 4e9,
  bytesPerSecond: null,
  secondsLeft: null,
  error: null,
  ...more,
});

export const entry = (model: Model, more: Partial<LibraryEntry> = {}): LibraryEntry => ({
  model,
  quantisation: "Q4_K_M",
  quantisations: [],
  chosenQuantisation: null,
  quantisedCopy: null,
  parameters: 3.2e9,
  repo: null,
  verdict: null,
  measured: null,
  imported: false,
  verifying: null,
  damaged: false,
  speculation: { enabled: true, draft: null, drafts: [], measured: null, measuring: null },
  ...more,
});
