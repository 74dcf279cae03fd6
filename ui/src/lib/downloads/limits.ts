import { bytesPerSecond } from "../figures/figures";

const CHOICES = [1e6, 2e6, 5e6, 10e6, 25e6, 50e6];

/** The limits that can be chosen, and the one that is, should it be another. */
export function limitChoices(current: number | null): { bytes: number | null; words: string }[] {
  const bytes = new Set(current === null ? CHOICES : [...CHOICES, current]);
  return [
    { bytes: null, words: "As fast as it goes" },
    ...[...bytes].sort((a, b) => a - b).map((limit) => ({ bytes: limit, words: bytesPerSecond(limit) })),
  ];
}
