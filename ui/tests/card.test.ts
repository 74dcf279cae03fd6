// What models compute on: said, chosen, and explained where it is not the graphics card.
import { render, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import type { EngineState } from "../src/lib/backend/bindings/EngineState";
import type { RunsOn } from "../src/lib/backend/bindings/RunsOn";
import { computeWords } from "../src/lib/computer/words";
import { onWords } from "../src/lib/engine/on";
import { engineWords } from "../src/lib/engine/words";
import VerdictView from "../src/lib/fit/VerdictView.svelte";
import { computer, GIB, verdict } from "./models";
import { bard, emit, fake, onProcessor, openWindow, ready, settle, startOf } from "./world";

const CARD = "NVIDIA GeForce RTX 3060";
const NOTICE = `The graphics card ${CARD} could not be used (no driver); answering on the processor.`;
const share = {
  name: CARD,
  layers: 24,
  ofLayers: 32,
  bytes: 11 * GIB,
  usableBytes: 11.5 * GIB,
  totalBytes: 12 * GIB,
};

const onCard: RunsOn = { backend: "cuda", card: CARD, cardLayers: 24, layers: 32, notice: null };
const on = (more: Partial<RunsOn>): EngineState => ({ ...ready, on: { ...onProcessor, ...more } });

async function openSettings(more: Parameters<typeof openWindow>[0] = {}, cards = [CARD]) {
  await openWindow(more);
  fake.thisComputer.mockResolvedValue(computer({ cards, card: cards[0] ?? null }));
  await userEvent.click(screen.getByTestId("settings"));
  await settle();
  return screen.getByTestId("compute-on");
}

test.each<[EngineState, string]>([
  [on({}), "Ready"],
  [{ ...ready, on: onCard }, "Ready on the graphics card"],
  [on({ notice: NOTICE }), "Ready on the processor"],
])("%j reads “%s”", (engine, words) => expect(engineWords(engine)).toBe(words));

test("the layers are counted where the card does not take all", () => {
  expect(onWords(onCard)).toBe(`on ${CARD}: 24 of 32 layers`);
  expect(onWords({ ...onCard, cardLayers: 32 })).toBe(`on ${CARD}`);
  expect(onWords(onProcessor)).toBe("on the processor");
});

test("why the card is not used is said once for each load, and stays in the settings", async () => {
  await openWindow({ engine: { state: "loading", model: bard, fraction: 0.5, after: null } });
  await emit({ type: "engine", engine: on({ notice: NOTICE }) });
  expect(screen.getAllByText(NOTICE)).toHaveLength(1);
  await emit({ type: "engine", engine: on({ notice: NOTICE }) });
  expect(screen.getAllByText(NOTICE)).toHaveLength(1);
  await userEvent.click(screen.getByTestId("settings"));
  expect(screen.getByTestId("runs-on")).toHaveTextContent(NOTICE);
});

test("the card, the processor or neither is chosen in the settings", async () => {
  const field = await openSettings({ engine: { ...ready, on: onCard } });
  const radio = (name: string) => within(field).getByRole("radio", { name });
  expect(radio("Automatic")).toBeChecked();
  expect(within(field).getByTestId("runs-on")).toHaveTextContent(`Now on ${CARD}: 24 of 32 layers.`);
  fake.setSettings.mockImplementation(async (settings) => settings);
  await userEvent.click(radio("Processor"));
  expect(fake.setSettings).toHaveBeenLastCalledWith({
    ...startOf().settings,
    computeOn: { kind: "processor" },
  });
  expect(radio("Processor")).toBeChecked();
  await userEvent.click(radio(CARD));
  expect(fake.setSettings).toHaveBeenLastCalledWith({
    ...startOf().settings,
    computeOn: { kind: "card", name: CARD },
  });
});

test("a computer without a card for it says so, and a card that has gone stays chosen", async () => {
  const settings = { ...startOf().settings, computeOn: { kind: "card" as const, name: "RTX 2060" } };
  const field = await openSettings({ settings }, []);
  expect(field).toHaveTextContent("No graphics card was found");
  expect(within(field).getByRole("radio", { name: "RTX 2060" })).toBeChecked();
});

test("the verdict tells how a model is divided", async () => {
  render(VerdictView, { verdict: verdict("fits", { card: share, decode: null }), of: "Q4_K_M" });
  const view = screen.getByTestId("verdict");
  expect(view).toHaveTextContent("Runs partly on the graphics card; how fast is known once it has answered.");
  await userEvent.click(screen.getByRole("button", { name: "The numbers of Q4_K_M" }));
  expect(view).toHaveTextContent(`24 of 32 layers, 11 GB of the 11.5 GB free on ${CARD}`);
});

test("this computer says what models compute on", () => {
  expect(computeWords(computer({ cards: [CARD], card: CARD }))).toContain(`compute on ${CARD}`);
  expect(computeWords(computer({ cards: [CARD] }))).toBe("Models compute on the processor.");
  expect(computeWords(computer())).toContain("no engine for it");
});
