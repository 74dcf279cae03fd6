import { describe, expect, test } from "vitest";
import {
  billions,
  count,
  fileSize,
  memorySize,
  pace,
  pages,
  percent,
  timeLeft,
  tokens,
} from "../src/lib/figures/figures";
import { changed, dayOf } from "../src/lib/when";

const cases = <T>(say: (value: T) => string | null, list: [T, string | null][]) =>
  test.each(list)("%s reads “%s”", (value, words) => expect(say(value)).toBe(words));

describe("what lies on a disk", () =>
  cases(fileSize, [
    [0, "0 kB"],
    [1_940_000, "1.9 MB"],
    [3_000_000, "3 MB"],
    [999_400_000, "999 MB"],
    [999_600_000, "1.00 GB"],
    [4_920_000_000, "4.92 GB"],
    [45_000_000_000, "45.0 GB"],
    [512e9, "512 GB"],
    [1e12, "1.00 TB"],
  ]));

describe("what lies in memory", () =>
  cases(memorySize, [
    [16 * 2 ** 30, "16 GB"],
    [5.75 * 2 ** 30, "5.8 GB"],
    [2 ** 29, "512 MB"],
    [0.97 * 2 ** 30, "1 GB"],
    [128 * 2 ** 30, "128 GB"],
  ]));

describe("a pace in tokens a second", () =>
  cases(pace, [
    [0.5, "less than one word a second"],
    [1.3, "about 1 word a second"],
    [2, "about 1.5 words a second"],
    [16, "about 12 words a second"],
    [200, "about 150 words a second"],
  ]));

describe("a context", () => {
  cases(pages, [
    [512, "about 2 pages"],
    [8192, "about 25 pages"],
    [131_072, "about 390 pages"],
  ]);
  test("in tokens", () => expect(tokens(131_072)).toBe("131,072 tokens"));
});

describe("parameters", () =>
  cases(billions, [
    [326_000, "326 thousand"],
    [1.8e6, "2 million"],
    [494e6, "494 million"],
    [1.24e9, "1.2 billion"],
    [8.03e9, "8 billion"],
    [70.6e9, "71 billion"],
  ]));

describe("a count", () =>
  cases(count, [
    [5321, "5,321"],
    [834_211, "834 thousand"],
    [999_900, "1 million"],
    [1_240_000, "1.2 million"],
    [44_000_000, "44 million"],
  ]));

describe("time left", () =>
  cases(timeLeft, [
    [12, "less than a minute left"],
    [62, "about a minute left"],
    [270, "about 5 minutes left"],
    [3600, "about an hour left"],
    [9000, "about 3 hours left"],
    [300_000, "about 3 days left"],
  ]));

test("a percentage never says more than has happened", () => {
  expect(percent(0.999)).toBe("99 %");
  expect(percent(1.2)).toBe("100 %");
});

const noon = new Date(2026, 10, 21, 12).getTime();
const ago = (days: number) => noon - days * 86_400_000;

test("a day ends a sentence", () => {
  expect(dayOf(noon, noon)).toBe("today");
  expect(dayOf(ago(1), noon)).toBe("yesterday");
  expect(dayOf(ago(9), noon)).toMatch(/^on .*2026/);
});

test.each([
  [2, "changed this week"],
  [9, "changed last week"],
  [30, "changed 4 weeks ago"],
  [200, "changed 7 months ago"],
  [900, "changed 2 years ago"],
])("a change %i days ago", (days, words) =>
  expect(changed(new Date(ago(days)).toISOString(), noon)).toBe(words),
);

test("a date that is none is not shown", () => {
  expect(changed("soon", noon)).toBeNull();
  expect(changed(null, noon)).toBeNull();
});
