import { fireEvent, screen } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import type { Turn } from "../src/lib/backend/bindings/Turn";
import {
  bard,
  chat,
  emit,
  fake,
  openWindow,
  question,
  ready,
  reply,
  settle,
  startOf,
  writing,
} from "./world";

const input = () => screen.getByTestId<HTMLTextAreaElement>("composer-input");
const turn = (text: string, chatId = "a"): Turn => ({
  chat: chat(chatId, text),
  user: question("u1", text, { chatId }),
  reply: writing("r1", "", { chatId }),
});

test("Enter sends, Shift+Enter starts a new line", async () => {
  await openWindow();
  fake.send.mockResolvedValue(turn("one\ntwo"));
  await userEvent.type(input(), "one{Shift>}{Enter}{/Shift}two");
  expect(fake.send).not.toHaveBeenCalled();
  await userEvent.keyboard("{Enter}");
  expect(fake.send).toHaveBeenCalledExactlyOnceWith("a", "one\ntwo");
  await settle();
  expect(input()).toHaveValue("");
  expect(screen.getAllByTestId("message")).toHaveLength(2);
});

test("Enter that ends a composition does not send", async () => {
  await openWindow();
  await userEvent.type(input(), "かな");
  await fireEvent.keyDown(input(), { key: "Enter", isComposing: true });
  // WebKit ends the composition first and marks the key that did it with 229.
  await fireEvent.keyDown(input(), { key: "Enter", keyCode: 229 });
  expect(fake.send).not.toHaveBeenCalled();
  expect(input()).toHaveValue("かな");
});

test("nothing but spaces is not sent", async () => {
  await openWindow();
  await userEvent.type(input(), "   {Enter}");
  expect(fake.send).not.toHaveBeenCalled();
  expect(screen.getByTestId("send")).toBeDisabled();
});

test("a refused question comes back into the box, with the reason", async () => {
  await openWindow();
  fake.send.mockRejectedValue({
    code: "promptTooLong",
    message: "The question is 12 tokens too long. Shorten it.",
  });
  await userEvent.type(input(), "long{Enter}");
  await settle();
  expect(input()).toHaveValue("long");
  expect(screen.getByRole("alert")).toHaveTextContent("The question is 12 tokens too long. Shorten it.");
});

test("without a chat, the first question makes one", async () => {
  await openWindow({ chats: [] });
  fake.createChat.mockResolvedValue(chat("new", ""));
  fake.send.mockResolvedValue(turn("Hello", "new"));
  await userEvent.type(input(), "Hello{Enter}");
  await settle();
  expect(fake.send).toHaveBeenCalledExactlyOnceWith("new", "Hello");
  expect(screen.getByTestId("chat-item")).toHaveTextContent("Hello");
  expect(screen.getAllByTestId("message")).toHaveLength(2);
});

test("while a reply is written, Send is Stop, and Escape stops too", async () => {
  await openWindow({}, [question("u", "Hi"), writing("r", "Well")]);
  expect(screen.queryByTestId("send")).toBeNull();
  await userEvent.click(screen.getByTestId("stop"));
  expect(fake.stop).toHaveBeenCalledExactlyOnceWith("r");
  await userEvent.keyboard("{Escape}");
  expect(fake.stop).toHaveBeenCalledTimes(2);
  await emit({ type: "replyDone", chatId: "a", message: reply("r", "Well", { status: "stopped" }) });
  expect(screen.getByTestId("send")).toBeInTheDocument();
  expect(screen.getByText("Stopped")).toBeInTheDocument();
});

test("each chat keeps its own draft, also past a new start", async () => {
  const first = await openWindow();
  await userEvent.type(input(), "for a");
  await userEvent.click(screen.getByRole("button", { name: "Chat b" }));
  await settle();
  expect(input()).toHaveValue("");
  await userEvent.type(input(), "for b");
  await userEvent.click(screen.getByRole("button", { name: "Chat a" }));
  await settle();
  expect(input()).toHaveValue("for a");
  first.unmount();
  await openWindow();
  expect(input()).toHaveValue("for a");
});

test("without a model it says what is missing and leads there", async () => {
  await openWindow({ engine: { state: "noModel" } });
  expect(input()).toBeDisabled();
  await userEvent.click(screen.getAllByRole("button", { name: "Choose a model" }).at(-1)!);
  expect(screen.getByTestId("model-list")).toBeVisible();
});

test("while a model loads, one may write and not send; asleep and after a crash, one may send", async () => {
  await openWindow({ engine: { state: "loading", model: bard, fraction: 0.4, after: null } });
  await userEvent.type(input(), "Hi");
  expect(screen.getByTestId("send")).toBeDisabled();
  await emit({ type: "engine", engine: { state: "asleep", model: bard } });
  expect(screen.getByTestId("send")).toBeEnabled();
  await emit({
    type: "engine",
    engine: { state: "failed", model: bard, error: { code: "engineDied", message: "It died." } },
  });
  expect(screen.getByTestId("send")).toBeEnabled();
});

test("while another chat is answered, it says so and leads there", async () => {
  const engine = {
    ...ready,
    state: "answering",
    chatId: "b",
    messageId: "x",
    tokensPerSecond: 5,
    speedUp: null,
  } as const;
  await openWindow(startOf({ engine }));
  await userEvent.type(input(), "Hi");
  expect(screen.getByTestId("send")).toBeDisabled();
  await userEvent.click(screen.getByRole("button", { name: "Go there" }));
  expect(fake.openChat).toHaveBeenLastCalledWith("b");
});
