// Guessing ahead in words.
import type { MeasuredSpeculation } from "../backend/bindings/MeasuredSpeculation";
import type { ModelSpeculation } from "../backend/bindings/ModelSpeculation";
import { speed } from "../engine/words";
import { fileSize } from "../figures/figures";
import { dayOf } from "../when";

/** A difference below this is the computer's own unrest, as a share. */
const UNREST = 0.03;

/** Where guesses come from: nowhere, the chat itself, or a draft model beside it by its id. */
export type Source = "off" | "chat" | { draft: string };

export const key = (source: Source) => (typeof source === "string" ? source : source.draft);

export const sourceOf = ({ enabled, draft }: ModelSpeculation): Source =>
  !enabled ? "off" : draft === null ? "chat" : { draft };

/** Every source there is, with its words, by key. */
export const sources = ({ drafts }: ModelSpeculation): [string, string][] => [
  ["off", "Nowhere: no guesses"],
  ["chat", "The chat itself"],
  ...drafts.map((draft): [string, string] => [
    draft.id,
    `The chat and ${draft.name} (${fileSize(draft.sizeBytes)})`,
  ]),
];

/** In a line: what is on, and what it brought. */
export function headline(speculation: ModelSpeculation): string {
  const { enabled, draft, drafts, measured } = speculation;
  if (!enabled) return "No guessing ahead";
  const name = drafts.find(({ id }) => id === draft)?.name;
  const how = name ? `Guesses ahead with ${name}` : "Guesses ahead from the chat";
  return measured ? `${how}: ${gain(measured)}, measured here` : how;
}

/** What it brings as a person says it. */
export function gain({ plainTokensPerSecond, tokensPerSecond }: MeasuredSpeculation): string {
  const ratio = tokensPerSecond / plainTokensPerSecond;
  return Math.abs(ratio - 1) <= UNREST ? "no faster and no slower" : `${ratio.toFixed(2)} times the speed`;
}

/** The numbers behind it. */
export const figures = (measured: MeasuredSpeculation, now: number) =>
  `${speed(measured.plainTokensPerSecond)} without guesses, ${speed(measured.tokensPerSecond)} with them; ` +
  `measured ${dayOf(measured.measuredAt, now)} on a list, a piece of code and a story.`;
