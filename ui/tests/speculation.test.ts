import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import type { ModelSpeculation } from "../src/lib/backend/bindings/ModelSpeculation";
import { gain } from "../src/lib/library/speculation";
import { entry, verdict } from "./models";
import { emit, fake, llama, openWindow, ready, settle } from "./world";

const draft = { id: "small", name: "Llama 3.2 1B", sizeBytes: 0.81e9 };
const measured = { plainTokensPerSecond: 8, tokensPerSecond: 11.2, measuredAt: Date.now() };

const llamaWith = (speculation: Partial<ModelSpeculation>, repo: string | null = null) =>
  entry(llama, {
    verdict: verdict(),
    repo,
    speculation: { enabled: true, draft: null, drafts: [], measured: null, measuring: null, ...speculation },
  });

async function openPanel(speculation: Partial<ModelSpeculation>, repo: string | null = null) {
  fake.library.mockResolvedValue([llamaWith(speculation, repo)]);
  await openWindow();
  await userEvent.click(screen.getByTestId("place-library"));
  await settle();
  const panel = screen.getByTestId("speculation");
  await userEvent.click(within(panel).getByRole("button", { name: /^Guessing ahead of Llama 3.2 3B/ }));
  return panel;
}

const sources = () => screen.getByRole("combobox", { name: "Where the guesses of Llama 3.2 3B come from" });

test.each([
  [{}, "Guesses ahead from the chat"],
  [{ enabled: false }, "No guessing ahead"],
  [{ drafts: [draft], draft: "small" }, "Guesses ahead with Llama 3.2 1B"],
  [{ measured }, "Guesses ahead from the chat: 1.40 times the speed, measured here"],
])("a line says what is on and what it brought: %j", async (speculation, words) => {
  const panel = await openPanel(speculation);
  expect(panel).toHaveTextContent(words);
});

test("a difference within the computer's own unrest is none", () => {
  expect(gain({ ...measured, tokensPerSecond: 8.2 })).toBe("no faster and no slower");
  expect(gain({ ...measured, tokensPerSecond: 7.2 })).toBe("0.90 times the speed");
});

describe("where guesses come from", () => {
  test("is chosen among the models with the same vocabulary", async () => {
    await openPanel({ drafts: [draft] });
    fake.setSpeculation.mockResolvedValue();
    expect(sources()).toHaveDisplayValue("The chat itself");
    await userEvent.selectOptions(sources(), "The chat and Llama 3.2 1B (810 MB)");
    expect(fake.setSpeculation).toHaveBeenLastCalledWith("llama", true, "small");
    await userEvent.selectOptions(sources(), "Nowhere: no guesses");
    expect(fake.setSpeculation).toHaveBeenLastCalledWith("llama", false, null);
    await userEvent.selectOptions(sources(), "The chat itself");
    expect(fake.setSpeculation).toHaveBeenLastCalledWith("llama", true, null);
  });

  test("where there is no such model, one can be looked for", async () => {
    const panel = await openPanel({}, "bartowski/Llama-3.2-3B-Instruct-GGUF");
    expect(panel).toHaveTextContent("None is in your library.");
    const never = new Promise<never>(() => {});
    fake.openRepo.mockReturnValue(never);
    fake.searchHub.mockReturnValue(never);
    await userEvent.click(within(panel).getByRole("button", { name: "Look for one" }));
    expect(fake.openRepo).toHaveBeenCalledExactlyOnceWith("bartowski/Llama-3.2-3B-Instruct-GGUF");
  });

  test("a refusal is told", async () => {
    await openPanel({ drafts: [draft] });
    fake.setSpeculation.mockRejectedValue({ code: "busy", message: "Llama 3.2 3B is answering." });
    await userEvent.selectOptions(sources(), "Nowhere: no guesses");
    await settle();
    expect(screen.getByRole("alert")).toHaveTextContent("Llama 3.2 3B is answering.");
  });
});

describe("measuring", () => {
  test("shows how far it is, can be stopped, and ends in numbers", async () => {
    const panel = await openPanel({});
    fake.measureSpeculation.mockReturnValue(new Promise(() => {}));
    await userEvent.click(within(panel).getByRole("button", { name: /^Measure what guessing ahead brings/ }));
    expect(fake.measureSpeculation).toHaveBeenCalledExactlyOnceWith("llama");

    await emit({ type: "library", entries: [llamaWith({ measuring: 0.5 })] });
    await emit({ type: "engine", engine: { state: "measuring", model: llama } });
    expect(within(panel).getByRole("progressbar")).toHaveAttribute("aria-valuenow", "50");
    expect(screen.getByTestId("engine-status")).toHaveTextContent("Measuring its speed");
    fake.stopMeasuring.mockResolvedValue();
    await userEvent.click(within(panel).getByRole("button", { name: "Stop" }));
    expect(fake.stopMeasuring).toHaveBeenCalledOnce();

    await emit({ type: "library", entries: [llamaWith({ measured })] });
    await emit({ type: "engine", engine: ready });
    expect(screen.getByTestId("speculation-measured")).toHaveTextContent(
      "8.0 tok/s without guesses, 11.2 tok/s with them; measured today on a list, a piece of code and a story.",
    );
    expect(within(panel).getByRole("button", { name: /^Measure what/ })).toHaveTextContent("Measure again");
  });

  test("there is nothing to measure where nothing is guessed", async () => {
    const panel = await openPanel({ enabled: false });
    expect(within(panel).queryByRole("button", { name: /^Measure what/ })).toBeNull();
  });
});
