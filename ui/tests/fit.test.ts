import { render, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import type { Label } from "../src/lib/backend/bindings/Label";
import type { Reason } from "../src/lib/backend/bindings/Reason";
import { barOf } from "../src/lib/fit/bar";
import { contextSteps, stepFor } from "../src/lib/fit/contexts";
import { quantisationWords } from "../src/lib/fit/quantisation";
import VerdictView from "../src/lib/fit/VerdictView.svelte";
import { GIB, tooBig, verdict } from "./models";

const show = (given = verdict(), reason: string | null = null) =>
  render(VerdictView, { verdict: given, of: "Q4_K_M", reason });
const view = () => screen.getByTestId("verdict");

test.each<[Label, string]>([
  ["fits", "Fits Runs well, about 12 words a second."],
  ["tight", "Tight Runs well, about 12 words a second. Little memory is left for other programs."],
  ["tooBig", "Too big Needs 5.8 GB of memory, 10 GB can be had."],
  ["engineCannot", "Engine can’t Hearth’s engine cannot run this kind of model yet."],
])("%s is said in words, the label first", (label, words) => {
  show(verdict(label));
  expect(view()).toHaveTextContent(words);
  expect(screen.getByTestId("verdict-label").querySelector("svg")).not.toBeNull();
});

test("slow is called slow", () => {
  show(verdict("fits", { decode: { tokensPerSecond: 2, low: 1, high: 3 } }));
  expect(view()).toHaveTextContent("Runs slowly, about 1.5 words a second.");
});

test("without a measured speed it promises none", () => {
  show(verdict("fits", { decode: null }));
  expect(view()).toHaveTextContent("how fast is known once this computer is measured");
});

test("the bar is a sentence for who cannot see it", () => {
  show(
    verdict("fits", {
      memory: {
        weightsBytes: 5 * GIB,
        draftBytes: GIB / 2,
        kvBytes: GIB / 2,
        buffersBytes: GIB / 4,
        peakBytes: 6.25 * GIB,
      },
    }),
  );
  expect(screen.getByRole("img")).toHaveAccessibleName(
    "Memory: Weights 5 GB, Draft model 512 MB, Context (KV cache) 512 MB, Buffers 256 MB, 3.8 GB stays free",
  );
});

test("the bar is filled as far as the peak, and the rest is what stays free", () => {
  const bar = barOf(verdict());
  expect(bar.segments.reduce((sum, { fraction }) => sum + fraction, 0)).toBeCloseTo(0.575);
  expect(bar.edge).toBe(1);
  expect(bar.spare).toBe(4.25 * GIB);
});

test("what is too big goes past the end of the memory", () => {
  const bar = barOf(tooBig);
  expect(bar.segments.reduce((sum, { fraction }) => sum + fraction, 0)).toBeCloseTo(1);
  expect(bar.edge).toBeCloseTo(10 / 16);
  expect(bar.spare).toBe(-6 * GIB);
  show(tooBig);
  expect(screen.getByRole("img")).toHaveAccessibleName(/6 GB too much$/);
});

test("no memory at all breaks nothing", () => {
  const nothing = { weightsBytes: 0, kvBytes: 0, buffersBytes: 0, draftBytes: 0, peakBytes: 0 };
  expect(barOf(verdict("fits", { memory: nothing, usableBytes: 0 })).segments).toEqual([]);
});

test("the numbers are one click away, with the largest context and what they rest on", async () => {
  show();
  expect(screen.queryByText("Largest context that fits")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "The numbers of Q4_K_M" }));
  expect(screen.getByText("32,768 tokens, about 98 pages")).toBeVisible();
  expect(screen.getByText("16 tokens a second, between 13 and 19")).toBeVisible();
  expect(screen.getByText("reckoned from the file’s header and this computer’s speed")).toBeVisible();
});

test("measured numbers say so", async () => {
  show(verdict("fits", { basis: "measured" }));
  await userEvent.click(screen.getByRole("button", { name: "The numbers of Q4_K_M" }));
  expect(screen.getByText("measured while it ran on this computer")).toBeVisible();
});

test("too big says which context would fit, or that none does", () => {
  const { unmount } = show({ ...tooBig, largestContext: 2048 });
  expect(view()).toHaveTextContent("It fits with a context of up to 2,048 tokens, about 6 pages.");
  unmount();
  show(tooBig);
  expect(view()).toHaveTextContent("A smaller quantisation or a smaller model would fit.");
});

describe("why the engine cannot", () => {
  test.each<[Reason, string]>([
    [{ kind: "architecture", architecture: "mamba" }, "models of the kind “mamba”"],
    [{ kind: "tensorType", tensorType: "IQ4_NL" }, "IQ4_NL cannot be read"],
    [{ kind: "noChatTemplate" }, "It was not made for chats"],
    [{ kind: "missing", what: "tokenizer" }, "has no tokenizer"],
    [{ kind: "misfit", detail: "two embeddings" }, "two embeddings"],
  ])("%j", (reason, words) => {
    show(verdict("engineCannot", { reason }));
    expect(view()).toHaveTextContent(words);
  });

  test("the backend’s own sentence goes first, and ends once", () => {
    show(verdict("engineCannot", { reason: { kind: "noChatTemplate" } }), "Take another file.");
    expect(view().textContent?.trim()).toMatch(/Take another file\.$/);
  });

  test("a model that is held to less context still runs", () => {
    show(verdict("fits", { reason: { kind: "contextLimited", trained: 131_072, reliable: 8192 } }));
    expect(view()).toHaveTextContent("Runs well");
    expect(view()).toHaveTextContent("Beyond 8,192 tokens, about 25 pages, its answers would get worse");
  });
});

test("contexts are powers of two, and end with what the model was trained for", () => {
  expect(contextSteps(4096)).toEqual([512, 1024, 2048, 4096]);
  expect(contextSteps(40_960).slice(-2)).toEqual([32_768, 40_960]);
  expect(contextSteps(300)).toEqual([300]);
  expect(contextSteps(null).at(-1)).toBe(131_072);
  expect(stepFor([512, 1024, 2048], 1000)).toBe(1);
  expect(stepFor([512, 1024, 2048], 9000)).toBe(2);
});

test.each([
  ["Q4_K_M", "a good balance of size and quality"],
  ["UD-IQ2_XXS", "noticeably worse than the original"],
  ["Q8_0", "as good as the original"],
  ["BF16", "the original, unshortened"],
  ["MXFP4", "a good balance of size and quality"],
  ["default", null],
])("%s means “%s”", (name, words) => expect(quantisationWords(name)).toBe(words));
