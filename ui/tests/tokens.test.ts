import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const CSS = readFileSync("src/tokens.css", "utf8");

/** The colour tokens of both appearances; dark starts from light, as the cascade does. */
function palettes() {
  const [light = "", dark = ""] = CSS.split("@media (prefers-color-scheme: dark)");
  const read = (css: string) =>
    [...css.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\);/g)].map(
      ([, name = "", l, c, h]) => [name, luminance(Number(l), Number(c), Number(h))] as const,
    );
  return { light: new Map(read(light)), dark: new Map([...read(light), ...read(dark)]) };
}

/** WCAG's relative luminance of an OKLCH colour: OKLab to linear sRGB, clipped to what a screen shows. */
function luminance(l: number, c: number, h: number): number {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const [L, M, S] = [
    (l + 0.3963377774 * a + 0.2158037573 * b) ** 3,
    (l - 0.1055613458 * a - 0.0638541728 * b) ** 3,
    (l - 0.0894841775 * a - 1.291485548 * b) ** 3,
  ] as const;
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  const red = clip(4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S);
  const green = clip(-1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S);
  const blue = clip(-0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const TEXT: [ink: string, on: string[]][] = [
  ["ink", ["paper", "sunken", "soft", "raised", "hover", "pressed", "ember-wash", "danger-wash"]],
  ["ink-2", ["paper", "sunken", "soft", "raised", "hover", "ember-wash"]],
  ["ink-3", ["paper", "sunken", "soft", "raised", "code"]],
  ["ember-ink", ["paper", "raised", "sunken", "ember-wash"]],
  ["good-ink", ["paper", "raised", "soft", "ember-wash"]],
  ["warn-ink", ["paper", "raised", "soft", "ember-wash"]],
  ["on-ember", ["ember", "ember-hover"]],
  ["danger-ink", ["paper", "raised", "soft", "danger-wash", "ember-wash", "hover", "sunken"]],
  ...["code-ink", "code-comment", "code-keyword", "code-string", "code-number", "code-name", "code-type"].map(
    (ink): [string, string[]] => [ink, ["code"]],
  ),
];

/** What must be told apart without being read: borders of controls, focus, the dot of the state. */
const SHAPES: [string, string[]][] = [
  ["line-control", ["paper", "raised"]],
  ["ember", ["paper", "raised"]],
  ["ember-ink", ["paper", "sunken", "soft"]],
  ...["ember", "bar-draft", "bar-kv", "bar-buffers"].map((part): [string, string[]] => [
    part,
    ["paper", "raised"],
  ]),
];

describe.each(Object.entries(palettes()))("in %s", (_, colours) => {
  const contrast = (one: string, other: string) => {
    const [a, b] = [colours.get(one), colours.get(other)];
    if (a === undefined || b === undefined) throw new Error(`tokens.css has no ${one} or no ${other}`);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };

  test.each(TEXT.flatMap(([ink, on]) => on.map((ground) => [ink, ground] as const)))(
    "%s is readable on %s",
    (ink, ground) => expect(contrast(ink, ground)).toBeGreaterThanOrEqual(4.5),
  );

  test.each(SHAPES.flatMap(([shape, on]) => on.map((ground) => [shape, ground] as const)))(
    "%s is visible on %s",
    (shape, ground) => expect(contrast(shape, ground)).toBeGreaterThanOrEqual(3),
  );
});

test("black on white is 21 to 1, so the measure is right", () => {
  expect((luminance(1, 0, 0) + 0.05) / (luminance(0, 0, 0) + 0.05)).toBeCloseTo(21, 3);
});

test("no colour is stated outside the tokens", () => {
  const files = import.meta.glob(["../src/**/*.{svelte,css}", "!../src/tokens.css"], {
    query: "?raw",
    import: "default",
    eager: true,
  });
  expect(Object.keys(files).length).toBeGreaterThan(20);
  for (const [name, text] of Object.entries(files)) {
    expect(String(text), name).not.toMatch(/#[\da-f]{3,8}\b(?=[;\s"])|\b(?:rgb|hsl|oklch|oklab)a?\(/i);
  }
});
