// What a model computes on, in words.
import type { EngineState } from "../backend/bindings/EngineState";
import type { RunsOn } from "../backend/bindings/RunsOn";

/** What the model in memory computes on; `null` while there is none. */
export const onOf = (engine: EngineState): RunsOn | null =>
  engine.state === "ready" || engine.state === "answering" ? engine.on : null;

/** Where the layers lie, as the end of a sentence: all on the graphics card, some, or none. */
export function onWords({ card, cardLayers, layers }: RunsOn): string {
  if (card === null) return "on the processor";
  return cardLayers < layers ? `on ${card}: ${layersWords(cardLayers, layers)}` : `on ${card}`;
}

export const layersWords = (some: number, all: number) =>
  some < all ? `${some} of ${all} layers` : `all ${all} layers`;
