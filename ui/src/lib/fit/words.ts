// A verdict in words. The word of the label first, then what it means for a person.
import type { CardShare } from "../backend/bindings/CardShare";
import type { Label } from "../backend/bindings/Label";
import type { Verdict } from "../backend/bindings/Verdict";
import { layersWords } from "../engine/on";
import { memorySize, pace, pages, tokens, wordsPerSecond } from "../figures/figures";
import { reasonWords } from "./reasons";

export const LABELS: Record<Label, string> = {
  fits: "Fits",
  tight: "Tight",
  tooBig: "Too big",
  engineCannot: "Engine can’t",
};

/** Words a second that most people read at. */
const READING = 4;

/** `reason`: why the engine cannot run it, where that is known as a sentence. */
export function headline(verdict: Verdict, reason: string | null = null): string {
  switch (verdict.label) {
    case "fits":
      return running(verdict);
    case "tight":
      return `${running(verdict)}. Little memory is left for other programs`;
    case "tooBig":
      return `Needs ${memorySize(verdict.memory.peakBytes)} of memory, ${memorySize(verdict.usableBytes)} can be had`;
    case "engineCannot":
      return (
        reason ??
        (verdict.reason ? reasonWords(verdict.reason) : "Hearth’s engine cannot run this kind of model yet")
      );
  }
}

/** What of a model lies on the graphics card. */
export const cardWords = ({ name, layers, ofLayers, bytes, usableBytes }: CardShare) =>
  `${layersWords(layers, ofLayers)}, ${memorySize(bytes)} of the ${memorySize(usableBytes)} free on ${name}`;

function running({ card, decode }: Verdict): string {
  if (!decode && card) {
    const there = card.layers < card.ofLayers ? "partly on the graphics card" : "on the graphics card";
    return `Runs ${there}; how fast is known once it has answered`;
  }
  if (!decode) return "Runs here; how fast is known once this computer is measured";
  const { tokensPerSecond } = decode;
  const words = wordsPerSecond(tokensPerSecond);
  const manner =
    words >= READING ? "Runs well" : words >= READING / 2 ? "Runs at an easy pace" : "Runs slowly";
  return `${manner}, ${pace(tokensPerSecond)}`;
}

/** What would fit of a model that does not as it stands, or how far one goes that does. */
export function wayOut({ label, largestContext, reason }: Verdict): string | null {
  if (reason?.kind === "contextLimited" && label !== "engineCannot") return `${reasonWords(reason)}.`;
  if (label !== "tooBig") return null;
  if (largestContext === null) return "A smaller quantisation or a smaller model would fit.";
  return `It fits with a context of up to ${tokens(largestContext)}, ${pages(largestContext)}.`;
}
