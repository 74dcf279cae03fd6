import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Chat } from "../src/lib/backend/bindings/Chat";
import { inSight, layOut } from "../src/lib/chats/rows";
import { NOTICE_MS } from "../src/lib/notices/notices.svelte";
import { chat, fake, NOW, openWindow, question, reply, settle } from "./world";

afterEach(() => vi.useRealTimers());

const titles = () => screen.queryAllByTestId("chat-item").map((item) => item.textContent?.trim());
const row = (title: string) => screen.getByRole("button", { name: title });

test("a deleted chat goes at once, and Undo brings it back and opens it", async () => {
  await openWindow();
  fake.restoreChat.mockResolvedValue(chat("a"));
  await userEvent.click(screen.getByRole("button", { name: "Delete “Chat a”" }));
  await settle();
  expect(titles()).toEqual(["Chat b"]);
  expect(fake.deleteChat).toHaveBeenCalledExactlyOnceWith("a");
  expect(fake.openChat).toHaveBeenLastCalledWith("b");

  await userEvent.click(screen.getByTestId("undo-delete"));
  await settle();
  expect(titles()).toEqual(["Chat a", "Chat b"]);
  expect(fake.openChat).toHaveBeenLastCalledWith("a");
});

test("Ctrl+Z undoes while the notice stands, and not while something is being written", async () => {
  await openWindow();
  fake.restoreChat.mockResolvedValue(chat("b"));
  row("Chat b").focus();
  await userEvent.keyboard("{Delete}");
  await settle();
  await userEvent.type(screen.getByTestId("composer-input"), "draft{Control>}z{/Control}");
  expect(fake.restoreChat).not.toHaveBeenCalled();
  row("Chat a").focus();
  await userEvent.keyboard("{Control>}z{/Control}");
  expect(fake.restoreChat).toHaveBeenCalledExactlyOnceWith("b");
});

test("the undo notice goes after its time, and waits while it is pointed at", async () => {
  await openWindow();
  vi.useFakeTimers();
  const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
  await user.click(screen.getByRole("button", { name: "Delete “Chat a”" }));
  await vi.advanceTimersByTimeAsync(NOTICE_MS - 1000);
  await user.hover(screen.getByTestId("undo-delete"));
  await vi.advanceTimersByTimeAsync(NOTICE_MS);
  expect(screen.getByTestId("undo-delete")).toBeInTheDocument();
  await user.unhover(screen.getByTestId("undo-delete"));
  await vi.advanceTimersByTimeAsync(1000);
  expect(screen.queryByTestId("undo-delete")).toBeNull();
});

test("a chat that cannot be deleted comes back, with the reason", async () => {
  await openWindow();
  fake.deleteChat.mockRejectedValue({ code: "storeReadOnly", message: "The folder cannot be written." });
  await userEvent.click(screen.getByRole("button", { name: "Delete “Chat a”" }));
  await settle();
  expect(titles()).toEqual(["Chat a", "Chat b"]);
  expect(screen.getByRole("alert")).toHaveTextContent("The folder cannot be written.");
  expect(screen.queryByTestId("undo-delete")).toBeNull();
});

describe("renaming", () => {
  test("Enter saves", async () => {
    await openWindow();
    fake.renameChat.mockResolvedValue(chat("a", "Fire"));
    row("Chat a").focus();
    await userEvent.keyboard("{F2}");
    await userEvent.keyboard("Fire{Enter}");
    await settle();
    expect(fake.renameChat).toHaveBeenCalledExactlyOnceWith("a", "Fire");
    expect(row("Fire")).toHaveFocus();
  });

  test("Escape keeps the old name", async () => {
    await openWindow();
    await userEvent.dblClick(row("Chat a"));
    await userEvent.type(screen.getByTestId("rename-input"), "Fire{Escape}");
    await settle();
    expect(fake.renameChat).not.toHaveBeenCalled();
    expect(titles()[0]).toBe("Chat a");
  });

  test("a refusal puts the old name back", async () => {
    await openWindow();
    fake.renameChat.mockRejectedValue({ code: "internal", message: "No." });
    row("Chat a").focus();
    await userEvent.keyboard("{F2}Fire{Enter}");
    await settle();
    expect(titles()[0]).toBe("Chat a");
  });
});

test("arrow keys walk the list and open what they reach", async () => {
  await openWindow();
  row("Chat a").focus();
  await userEvent.keyboard("{ArrowDown}");
  await settle();
  expect(row("Chat b")).toHaveFocus();
  expect(fake.openChat).toHaveBeenLastCalledWith("b");
  await userEvent.keyboard("{ArrowDown}{Home}");
  await settle();
  expect(row("Chat a")).toHaveFocus();
});

test("Ctrl+N leaves the chat for an empty page without making one", async () => {
  await openWindow({}, [question("u", "Hi")]);
  await userEvent.keyboard("{Control>}n{/Control}");
  await settle();
  expect(screen.queryByTestId("message")).toBeNull();
  expect(screen.getByTestId("composer-input")).toHaveFocus();
  expect(fake.createChat).not.toHaveBeenCalled();
});

test("Ctrl+B hides the list, and the next start remembers", async () => {
  const first = await openWindow();
  await userEvent.keyboard("{Control>}b{/Control}");
  expect(screen.queryByTestId("sidebar")).toBeNull();
  first.unmount();
  await openWindow();
  expect(screen.queryByTestId("sidebar")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Show the chats" }));
  expect(screen.getByTestId("sidebar")).toBeInTheDocument();
});

test("the chat of the last time is open again", async () => {
  const first = await openWindow();
  await userEvent.click(row("Chat b"));
  first.unmount();
  fake.openChat.mockClear();
  await openWindow();
  expect(fake.openChat).toHaveBeenCalledExactlyOnceWith("b");
});

test("a chat that cannot be opened says why and can be tried again", async () => {
  await openWindow({ chats: [chat("a")] }, [question("u", "Hi")]);
  fake.openChat.mockRejectedValueOnce({ code: "notFound", message: "This chat is gone." });
  await userEvent.keyboard("{Control>}n{/Control}");
  await userEvent.click(row("Chat a"));
  await settle();
  expect(screen.getByRole("alert")).toHaveTextContent("This chat is gone.");
  await userEvent.click(within(screen.getByRole("main")).getByRole("button", { name: "Try again" }));
  await settle();
  expect(screen.getByTestId("message")).toHaveTextContent("Hi");
});

const DAY = 86_400_000;

test("chats stand under Today, Yesterday, the last week and then their month", () => {
  const noon = new Date(2026, 10, 21, 12).getTime();
  const at = (id: string, days: number): Chat => ({ ...chat(id), updatedAt: noon - days * DAY });
  const { rows } = layOut([at("a", 0), at("b", 1), at("c", 2), at("d", 7), at("e", 8), at("f", 60)], noon);
  expect(rows.map((line) => (line.kind === "heading" ? line.label : line.chat.id))).toEqual([
    "Today",
    "a",
    "Yesterday",
    "b",
    "Previous 7 days",
    "c",
    "d",
    new Date(2026, 10).toLocaleDateString(undefined, { month: "long", year: "numeric" }),
    "e",
    new Date(2026, 8).toLocaleDateString(undefined, { month: "long", year: "numeric" }),
    "f",
  ]);
});

test("of ten thousand chats only those in sight are drawn", async () => {
  const many = Array.from({ length: 10_000 }, (_, index) =>
    chat(`c${index}`, `Chat ${index}`, index * 60_000),
  );
  const all = layOut(many, NOW);
  const middle = inSight(all, all.height / 2, 800);
  expect(middle.length).toBeLessThan(60);
  const [first] = middle;
  const last = middle.at(-1);
  expect(first && first.top).toBeLessThanOrEqual(all.height / 2);
  expect(last && last.top + last.height).toBeGreaterThanOrEqual(all.height / 2 + 800);

  await openWindow({ chats: many });
  expect(screen.getAllByTestId("chat-item").length).toBeLessThan(80);
});

test("a chat opened while a first question is on its way stays open", async () => {
  await openWindow({ chats: [chat("b")] }, [question("u", "In b")]);
  await userEvent.keyboard("{Control>}n{/Control}");
  let created: (made: Chat) => void = () => {};
  fake.createChat.mockReturnValue(new Promise((resolve) => (created = resolve)));
  fake.send.mockImplementation(async (chatId, text) => ({
    chat: chat(chatId, text),
    user: question("u9", text, { chatId }),
    reply: reply("r9", "", { chatId, status: "streaming", stats: null }),
  }));
  await userEvent.type(screen.getByTestId("composer-input"), "Hello{Enter}");
  await userEvent.click(row("Chat b"));
  created(chat("new", ""));
  await settle();
  expect(fake.send).toHaveBeenCalledExactlyOnceWith("new", "Hello");
  expect(screen.getByTestId("message")).toHaveTextContent("In b");
  expect(titles()).toContain("Hello");
});
