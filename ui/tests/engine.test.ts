import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import type { EngineState } from "../src/lib/backend/bindings/EngineState";
import type { ErrorCode } from "../src/lib/backend/bindings/ErrorCode";
import { engineWords, remedy, spokenWords } from "../src/lib/engine/words";
import { fileSize } from "../src/lib/figures/figures";
import { bard, emit, fake, llama, openWindow, ready, settle } from "./world";

const failed = (code: ErrorCode, message = "Why, and what to do."): EngineState => ({
  state: "failed",
  model: llama,
  error: { code, message },
});
const answering = (tokensPerSecond: number | null, speedUp: number | null = null): EngineState => ({
  ...ready,
  state: "answering",
  chatId: "a",
  messageId: "r",
  tokensPerSecond,
  speedUp,
});

const STATES: [EngineState, string][] = [
  [{ state: "noModel" }, "No model"],
  [{ state: "loading", model: llama, fraction: 0.437, after: null }, "Loading 43 %"],
  [ready, "Ready"],
  [answering(null), "Reading your question…"],
  [answering(12.34), "Answering · 12.3 tok/s"],
  [answering(12.34, 1.01), "Answering · 12.3 tok/s"],
  [answering(24.68, 1.97), "Answering · 24.7 tok/s · 2.0× by guessing ahead"],
  [{ state: "asleep", model: llama }, "Asleep — wakes with your next question"],
  [failed("engineDied"), "Stopped working"],
  [failed("fileMissing"), "File is gone"],
  [failed("unsupportedTensor"), "Could not load"],
];

test.each(STATES)("%j reads “%s”", async (engine, words) => {
  expect(engineWords(engine)).toBe(words);
  await openWindow({ engine });
  expect(screen.getByTestId("engine-status").textContent?.trim()).toBe(words);
});

test("a screen reader hears changes of state, not of numbers", () => {
  expect(spokenWords({ state: "loading", model: llama, fraction: 0.1, after: null })).toBe(
    spokenWords({ state: "loading", model: llama, fraction: 0.9, after: null }),
  );
  expect(spokenWords(answering(3))).toBe(spokenWords(answering(30)));
});

test("loading shows how far it is", async () => {
  await openWindow({ engine: { state: "loading", model: llama, fraction: 0.437, after: null } });
  expect(screen.getByRole("progressbar")).toHaveAttribute("aria-valuenow", "43");
});

test("an engine that starts again by itself says what it died of, and asks for nothing", async () => {
  const after = { code: "engineDied", message: "The engine stopped (signal 9)." } as const;
  await openWindow({ engine: { state: "loading", model: llama, fraction: 0.5, after } });
  expect(screen.getByTestId("engine-status")).toHaveTextContent("Starting again 50 %");
  expect(screen.getByTestId("engine-error")).toHaveTextContent("The engine stopped (signal 9).");
  expect(within(screen.getByTestId("engine-error")).queryByRole("button")).toBeNull();
});

describe("a failure says why above the composer", () => {
  test("a dead engine can be tried again", async () => {
    await openWindow({ engine: failed("engineDied", "The engine stopped (signal 9).") });
    const banner = screen.getByTestId("engine-error");
    expect(banner).toHaveTextContent("The engine stopped (signal 9).");
    await userEvent.click(within(banner).getByRole("button", { name: "Try again" }));
    expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
    await emit({ type: "engine", engine: ready });
    expect(screen.queryByTestId("engine-error")).toBeNull();
  });

  test("a file that cannot run offers another one, and no second try", async () => {
    await openWindow({ engine: failed("unsupportedTensor") });
    expect(remedy(failed("unsupportedTensor"))).toBe("choose");
    const banner = screen.getByTestId("engine-error");
    expect(within(banner).queryByRole("button", { name: "Try again" })).toBeNull();
    await userEvent.click(within(banner).getByRole("button", { name: "Choose a model" }));
    expect(screen.getByTestId("model-list")).toBeVisible();
  });
});

describe("the model picker", () => {
  const gone = { ...llama, id: "gone", name: "Gone", missing: true };
  const openPicker = async (more = {}) => {
    await openWindow({ models: [llama, gone, bard], ...more });
    await userEvent.click(screen.getByTestId("model-button"));
    await settle();
    return screen.getByTestId("model-list");
  };
  const item = (list: HTMLElement, id: string) => {
    const found = within(list)
      .getAllByTestId("model-item")
      .find((entry) => entry.dataset["modelId"] === id);
    if (!found) throw new Error(`no model ${id} in the list`);
    return found;
  };

  test("tells size, folder and last use, and what the built-in model is", async () => {
    const list = await openPicker();
    expect(item(list, "llama")).toHaveTextContent("2.02 GB");
    expect(item(list, "llama")).toHaveTextContent("/home/ada/models");
    expect(item(list, "llama")).toHaveTextContent("Used today");
    expect(item(list, "bard")).toHaveTextContent("Built in · a taste, not an assistant");
    expect(item(list, "bard")).toHaveTextContent("A 1.9 MB model trained on Shakespeare.");
  });

  test("loads the chosen one and closes", async () => {
    const list = await openPicker();
    await userEvent.click(within(item(list, "llama")).getByRole("button", { name: /Llama 3.2 3B 2.02/ }));
    expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
    expect(screen.queryByTestId("model-list")).toBeNull();
  });

  test("a missing file cannot be chosen, only taken off the list", async () => {
    const list = await openPicker();
    expect(item(list, "gone")).toHaveTextContent("File is gone");
    expect(within(item(list, "gone")).getByRole("button", { name: /^Gone/ })).toBeDisabled();
    fake.listModels.mockResolvedValue([llama, bard]);
    await userEvent.click(within(item(list, "gone")).getByRole("button", { name: "Take Gone off the list" }));
    await settle();
    expect(fake.forgetModel).toHaveBeenCalledExactlyOnceWith("gone");
    expect(within(list).getAllByTestId("model-item")).toHaveLength(2);
  });

  test("the model in memory can be unloaded", async () => {
    const list = await openPicker();
    await userEvent.click(within(item(list, "bard")).getByRole("button", { name: "Unload" }));
    expect(fake.unloadModel).toHaveBeenCalledOnce();
  });

  test("a picked file is loaded", async () => {
    fake.pickModel.mockResolvedValue(llama);
    await openPicker();
    await userEvent.click(screen.getByTestId("open-file"));
    await settle();
    expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
  });

  test("a file that is no model says so in the list, which stays open", async () => {
    const list = await openPicker();
    fake.pickModel.mockRejectedValue({ code: "notGguf", message: "“a.zip” is not a GGUF file." });
    await userEvent.click(screen.getByTestId("open-file"));
    expect(within(list).getByRole("alert")).toHaveTextContent("“a.zip” is not a GGUF file.");
  });

  test("Escape closes it and the focus is back where it was", async () => {
    await openPicker();
    await userEvent.keyboard("{Escape}");
    await settle();
    expect(screen.queryByTestId("model-list")).toBeNull();
    expect(screen.getByTestId("model-button")).toHaveFocus();
  });
});

test.each([
  [1_940_000, "1.9 MB"],
  [812_000_000, "812 MB"],
  [2_019_377_696, "2.02 GB"],
  [45_000_000_000, "45.0 GB"],
])("%i bytes read %s", (bytes, words) => expect(fileSize(bytes)).toBe(words));
