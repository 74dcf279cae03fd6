import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { emit, fake, openWindow, question, reply, replyElement, writing } from "./world";

const asked = [question("u", "To be?"), writing("r", "Or ")];
const text = (offset: number, piece: string) =>
  ({ type: "replyText", chatId: "a", messageId: "r", offset, text: piece }) as const;
const shown = () => within(replyElement("r")).getByTestId("message-text").textContent?.trim();

test("pieces are appended in order", async () => {
  await openWindow({}, asked);
  await emit(text(3, "not "), text(7, "to be"));
  expect(shown()).toBe("Or not to be");
});

test("a piece that comes twice, or overlaps, is shown once", async () => {
  await openWindow({}, asked);
  await emit(text(3, "not "), text(3, "not "), text(5, "t to be"));
  expect(shown()).toBe("Or not to be");
});

test("a gap opens the chat again and then shows what had run ahead", async () => {
  await openWindow({}, asked);
  expect(fake.openChat).toHaveBeenCalledTimes(1);
  fake.openChat.mockResolvedValue([question("u", "To be?"), writing("r", "Or not ")]);
  await emit(text(7, "to be"));
  expect(shown()).toBe("Or");
  await vi.waitFor(() => expect(shown()).toBe("Or not to be"));
  expect(fake.openChat).toHaveBeenCalledTimes(2);
});

test("while the store lags behind, it is asked again until the gap is closed", async () => {
  await openWindow({}, asked);
  fake.openChat
    .mockResolvedValueOnce([question("u", "To be?"), writing("r", "Or ")])
    .mockResolvedValueOnce([question("u", "To be?"), writing("r", "Or not to")]);
  await emit(text(7, "to be"));
  await vi.waitFor(() => expect(shown()).toBe("Or not to be"), { timeout: 3000 });
  expect(fake.openChat).toHaveBeenCalledTimes(3);
});

test("pieces that overtake the answer of the send command are not lost", async () => {
  await openWindow({}, []);
  fake.send.mockImplementation(async () => {
    await emit(text(0, "Or "), text(3, "not"));
    return {
      chat: { id: "a", title: "To be?", createdAt: 1, updatedAt: 2 },
      user: question("u", "To be?"),
      reply: writing("r"),
    };
  });
  await userEvent.type(screen.getByTestId("composer-input"), "To be?{Enter}");
  await vi.waitFor(() => expect(shown()).toBe("Or not"));
});

test("a reply that is done before the send command has answered is shown as done", async () => {
  await openWindow({}, []);
  fake.send.mockImplementation(async () => {
    await emit({ type: "replyDone", chatId: "a", message: reply("r", "Ay.") });
    return {
      chat: { id: "a", title: "To be?", createdAt: 1, updatedAt: 2 },
      user: question("u", "To be?"),
      reply: writing("r"),
    };
  });
  await userEvent.type(screen.getByTestId("composer-input"), "To be?{Enter}");
  await vi.waitFor(() => expect(shown()).toBe("Ay."));
  expect(replyElement("r")).toHaveAttribute("data-status", "complete");
  expect(screen.queryByTestId("stop")).toBeNull();
});

test("the finished message replaces the stream, with its numbers", async () => {
  await openWindow({}, asked);
  await emit(text(3, "no"), { type: "replyDone", chatId: "a", message: reply("r", "Or not to be.") });
  expect(shown()).toBe("Or not to be.");
  const figures = within(replyElement("r")).getByRole("button", { name: "12.3 tok/s" });
  await userEvent.click(figures);
  expect(replyElement("r")).toHaveTextContent("34 tokens, written at 12.3 tok/s");
});

test("the numbers say what guessing ahead and what is still in memory brought", async () => {
  await openWindow({}, asked);
  const { stats } = reply("r", "");
  const speculation = { drafted: 82, accepted: 78, passes: 11, speedUp: 2.104 };
  const message = reply("r", "Or not to be.", { stats: { ...stats!, cachedTokens: 9, speculation } });
  await emit(text(3, "no"), { type: "replyDone", chatId: "a", message });
  await userEvent.click(within(replyElement("r")).getByRole("button", { name: "12.3 tok/s" }));
  const words = replyElement("r").textContent?.replace(/\s+/g, " ");
  expect(words).toContain("12 tokens, 9 of them still in memory, read at 46.2 tok/s");
  expect(words).toContain("78 of 82 tokens right, 3.0 tokens a step, 2.10 times the speed without");
});

test("another chat's reply does not touch this one", async () => {
  await openWindow({}, asked);
  await emit({ type: "replyText", chatId: "b", messageId: "r", offset: 3, text: "wrong" });
  expect(shown()).toBe("Or");
});
