// What a quantisation's name means to someone who has never heard of one.

const BY_BITS: Record<number, string> = {
  1: "far from the original",
  2: "noticeably worse than the original",
  3: "a little worse than the original",
  4: "a good balance of size and quality",
  5: "close to the original",
  6: "very close to the original",
  8: "as good as the original",
};

/** `null` for a name that says nothing. */
export function quantisationWords(name: string): string | null {
  if (/(^|[^A-Z])(BF16|F16|FP16|F32|FP32)\b/i.test(name)) return "the original, unshortened";
  if (/MXFP4|NVFP4/i.test(name)) return BY_BITS[4] ?? null;
  const bits = /(?:^|[^A-Z])I?T?Q(\d)/i.exec(name)?.[1];
  return (bits && BY_BITS[Number(bits)]) || null;
}
