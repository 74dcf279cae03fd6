// The backend as a test scripts it: the same functions, with answers given beforehand.
import { render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import { vi, type Mock } from "vitest";
import App from "../src/App.svelte";
import * as backend from "../src/lib/backend/backend";
import type { AppEvent } from "../src/lib/backend/bindings/AppEvent";
import type { Chat } from "../src/lib/backend/bindings/Chat";
import type { Message } from "../src/lib/backend/bindings/Message";
import type { Model } from "../src/lib/backend/bindings/Model";
import type { RunsOn } from "../src/lib/backend/bindings/RunsOn";
import type { Start } from "../src/lib/backend/bindings/Start";
import { computer, entry } from "./models";

export const NOW = Date.now();

export const bard: Model = {
  id: "bard",
  name: "Bard",
  fileName: "bard-Q8_0.gguf",
  folder: "/opt/hearth/models",
  sizeBytes: 1_940_000,
  builtIn: true,
  missing: false,
  lastUsedAt: null,
};

export const llama: Model = {
  id: "llama",
  name: "Llama 3.2 3B",
  fileName: "llama-3.2-3b-q4_k_m.gguf",
  folder: "/home/ada/models",
  sizeBytes: 2_019_377_696,
  builtIn: false,
  missing: false,
  lastUsedAt: NOW,
};

export const chat = (id: string, title = `Chat ${id}`, age = 0): Chat => ({
  id,
  title,
  createdAt: NOW - age,
  updatedAt: NOW - age,
});

export const question = (id: string, content: string, more: Partial<Message> = {}): Message => ({
  id,
  chatId: "a",
  parentId: null,
  role: "user",
  status: "complete",
  content,
  error: null,
  model: null,
  stats: null,
  siblings: [id],
  createdAt: NOW,
  ...more,
});

export const reply = (id: string, content: string, more: Partial<Message> = {}): Message => ({
  ...question(id, content),
  role: "assistant",
  model: "Bard",
  stats: {
    promptTokens: 12,
    cachedTokens: 0,
    replyTokens: 34,
    promptTokensPerSecond: 46.2,
    tokensPerSecond: 12.34,
    speculation: null,
    stop: "end",
  },
  ...more,
});

export const writing = (id: string, content = "", more: Partial<Message> = {}): Message =>
  reply(id, content, { status: "streaming", stats: null, ...more });

export const onProcessor: RunsOn = { backend: "cpu", card: null, cardLayers: 0, layers: 4, notice: null };

export const ready = {
  state: "ready",
  model: bard,
  context: 2048,
  on: onProcessor,
  thinks: false,
} as const;

export const startOf = (more: Partial<Start> = {}): Start => ({
  chats: [chat("a"), chat("b", "Chat b", 1000)],
  models: [bard, llama],
  engine: ready,
  settings: {
    idleUnloadMinutes: 15,
    bandwidthLimitBytes: null,
    context: null,
    threads: null,
    computeOn: { kind: "automatic" },
    think: false,
  },
  storeFault: null,
  version: "0.1.0",
  ...more,
});

let deliver: (event: AppEvent) => void = () => {};

/** Sends an event as the shell would, and waits until the window shows it. */
export async function emit(...events: AppEvent[]): Promise<void> {
  for (const event of events) deliver(event);
  await settle();
}

/** Lets promises and one animation frame pass. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => requestAnimationFrame(resolve));
  await tick();
}

export const fake = vi.mocked(backend);

/** Opens the window on a backend in the given state; the tests override single answers afterwards or before. */
export async function openWindow(start: Partial<Start> = {}, messages: Message[] = []) {
  fake.subscribe.mockImplementation(async (onEvent) => {
    deliver = onEvent;
  });
  fake.start.mockResolvedValue(startOf(start));
  fake.openChat.mockResolvedValue(messages);
  fake.listModels.mockResolvedValue(start.models ?? [bard, llama]);
  fake.deleteChat.mockResolvedValue();
  fake.loadModel.mockResolvedValue();
  fake.stop.mockResolvedValue();
  fake.openLink.mockResolvedValue();
  fake.openDataFolder.mockResolvedValue();
  // What a test has answered for beforehand stays.
  const answer = <T>(mock: Mock<() => Promise<T>>, value: Awaited<T>) => {
    if (!mock.getMockImplementation()) mock.mockResolvedValue(value);
  };
  answer(fake.listDownloads, []);
  answer(fake.library, [entry(bard), entry(llama)]);
  answer(fake.findModels, []);
  answer(fake.hubAccount, null);
  answer(fake.thisComputer, computer());
  answer(fake.suggestions, []);
  const view = render(App);
  await settle();
  return view;
}

export const replyElement = (id: string) => {
  const found = screen
    .getAllByTestId("message")
    .find((message) => message.getAttribute("data-message-id") === id);
  if (!found) throw new Error(`no message ${id} on the page`);
  return found;
};
