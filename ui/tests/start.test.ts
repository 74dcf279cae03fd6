import { screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { expect, test } from "vitest";
import type { ErrorCode } from "../src/lib/backend/bindings/ErrorCode";
import { bard, chat, fake, llama, openWindow, question, reply, settle, startOf, writing } from "./world";

const buttons = () => screen.getAllByRole("button").map((button) => button.textContent?.trim());

test.each<[ErrorCode, string[]]>([
  ["storeCorrupt", ["Set it aside and start fresh", "Try again", "Open the folder"]],
  ["storeReadOnly", ["Try again", "Open the folder"]],
  ["diskFull", ["Try again", "Open the folder"]],
  ["storeInUse", ["Try again", "Open the folder"]],
  ["storeNewer", ["Open the folder"]],
  ["internal", ["Try again", "Open the folder"]],
])("a store that is %s offers what helps", async (code, offered) => {
  await openWindow({ storeFault: { code, message: "hearth.db is in trouble." } });
  expect(screen.getByTestId("store-fault")).toHaveTextContent("hearth.db is in trouble.");
  expect(buttons()).toEqual(offered);
});

test("setting the damaged store aside ends in the app", async () => {
  await openWindow({ storeFault: { code: "storeCorrupt", message: "Damaged." } });
  fake.setAsideStore.mockResolvedValue(startOf({ chats: [] }));
  await userEvent.click(screen.getByRole("button", { name: "Set it aside and start fresh" }));
  await settle();
  expect(screen.queryByTestId("store-fault")).toBeNull();
  expect(screen.getByTestId("composer-input")).toBeInTheDocument();
});

test("a second try that fails says why it failed now", async () => {
  await openWindow({ storeFault: { code: "storeInUse", message: "In use." } });
  fake.retryStore.mockRejectedValue({ code: "diskFull", message: "The disk is full." });
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await settle();
  expect(screen.getByTestId("store-fault")).toHaveAttribute("data-code", "diskFull");
});

test("a backend that does not start is told of, and can be tried again", async () => {
  await openWindow();
  document.body.innerHTML = "";
  fake.subscribe.mockRejectedValueOnce(new Error("no channel"));
  const { render } = await import("@testing-library/svelte");
  const { default: App } = await import("../src/App.svelte");
  render(App);
  await settle();
  expect(screen.getByTestId("store-fault")).toHaveTextContent("no channel");
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await settle();
  expect(screen.getByTestId("composer-input")).toBeInTheDocument();
});

test("the first start says what to do, and does it", async () => {
  await openWindow({ chats: [], models: [bard], engine: { state: "noModel" } });
  expect(screen.getByRole("heading", { name: "Private by construction" })).toBeInTheDocument();
  await userEvent.click(screen.getByRole("button", { name: "Try the built-in Bard" }));
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("bard");
  fake.pickModel.mockResolvedValue(null);
  await userEvent.click(screen.getByRole("button", { name: "Open a model file…" }));
  expect(fake.pickModel).toHaveBeenCalledOnce();
  expect(fake.loadModel).toHaveBeenCalledOnce();
});

test("models used before can be gone on with", async () => {
  await openWindow({ chats: [], engine: { state: "noModel" } });
  await userEvent.click(screen.getByRole("button", { name: /Go on with Llama 3.2 3B/ }));
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
});

test("with the built-in model, an opening line begins a chat", async () => {
  await openWindow({ chats: [] });
  fake.createChat.mockResolvedValue(chat("new", ""));
  fake.send.mockImplementation(async (chatId, text) => ({
    chat: chat(chatId, text),
    user: question("u", text, { chatId }),
    reply: writing("r", "", { chatId }),
  }));
  const openings = screen.getByRole("list", { name: "Ways to begin" }).querySelectorAll("button");
  expect(openings).toHaveLength(3);
  await userEvent.click(openings[0]!);
  await settle();
  expect(fake.send).toHaveBeenCalledExactlyOnceWith("new", openings[0]!.textContent?.trim());
  expect(screen.getAllByTestId("message")).toHaveLength(2);
});

test("settings are saved as they are chosen, and put back when refused", async () => {
  await openWindow();
  await userEvent.click(screen.getByTestId("settings"));
  expect(screen.getByText("Hearth 0.1.0")).toBeInTheDocument();
  fake.setSettings.mockImplementation(async (settings) => settings);
  await userEvent.click(screen.getByRole("radio", { name: "Never" }));
  expect(fake.setSettings).toHaveBeenCalledExactlyOnceWith({
    ...startOf().settings,
    idleUnloadMinutes: null,
  });
  fake.setSettings.mockRejectedValue({ code: "diskFull", message: "The disk is full." });
  await userEvent.click(screen.getByRole("radio", { name: "5 min" }));
  await settle();
  expect(screen.getByRole("alert")).toHaveTextContent("The disk is full.");
  expect(screen.getByRole("radio", { name: "Never" })).toBeChecked();
});

test("how far back a model can look is chosen in the settings", async () => {
  await openWindow();
  await userEvent.click(screen.getByTestId("settings"));
  expect(screen.getByRole("radio", { name: "Auto" })).toBeChecked();
  fake.setSettings.mockImplementation(async (settings) => settings);
  await userEvent.click(screen.getByRole("radio", { name: "16K" }));
  expect(fake.setSettings).toHaveBeenCalledExactlyOnceWith({ ...startOf().settings, context: 16_384 });
  expect(screen.getByRole("radio", { name: "16K" })).toBeChecked();
});

test("fewer cores can be left to a model", async () => {
  await openWindow();
  await userEvent.click(screen.getByTestId("settings"));
  await settle();
  expect(screen.getByRole("radio", { name: "All 8" })).toBeChecked();
  fake.setSettings.mockImplementation(async (settings) => settings);
  await userEvent.click(screen.getByRole("radio", { name: "4" }));
  expect(fake.setSettings).toHaveBeenCalledExactlyOnceWith({ ...startOf().settings, threads: 4 });
});

// Colours and sizes need a real layout; the tokens have a test of their own.
const check = async () =>
  (
    await axe.run(document.body, {
      rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
    })
  ).violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);

test("no page has a fault that axe can find", async () => {
  const rich =
    "# A\n\n```js\nlet a\n```\n\n| a |\n| - |\n| b |\n\n- [x] c\n\n[d](https://e.org) ![f](https://g.org/h.png)";
  const view = await openWindow({}, [
    question("u", "Q", { siblings: ["t", "u"] }),
    reply("r", rich),
    reply("i", "cut", { status: "interrupted" }),
  ]);
  expect(await check()).toEqual([]);
  await userEvent.click(screen.getByTestId("model-button"));
  expect(await check()).toEqual([]);
  await userEvent.keyboard("{Escape}");
  await userEvent.click(screen.getByTestId("settings"));
  expect(await check()).toEqual([]);
  view.unmount();

  const second = await openWindow({ chats: [], models: [bard, llama], engine: { state: "noModel" } });
  expect(await check()).toEqual([]);
  second.unmount();
  await openWindow({ storeFault: { code: "storeCorrupt", message: "Damaged." } });
  expect(await check()).toEqual([]);
}, 60_000);
