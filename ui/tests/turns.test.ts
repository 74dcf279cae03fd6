import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { chat, fake, openWindow, question, reply, replyElement, settle, writing } from "./world";

const thread = [question("u1", "One?"), reply("r1", "Uno."), question("u2", "Two?"), reply("r2", "Dos.")];
const ids = () => screen.getAllByTestId("message").map((message) => message.dataset["messageId"]);

test("regenerating replaces the reply and what came after it", async () => {
  await openWindow({}, thread);
  fake.regenerate.mockResolvedValue(writing("r1b", "", { siblings: ["r1", "r1b"] }));
  await userEvent.click(within(replyElement("r1")).getByTestId("regenerate"));
  await settle();
  expect(fake.regenerate).toHaveBeenCalledExactlyOnceWith("r1");
  expect(ids()).toEqual(["u1", "r1b"]);
  expect(screen.getByTestId("stop")).toBeInTheDocument();
});

test("editing asks again from there, and Ctrl+Enter sends", async () => {
  await openWindow({}, thread);
  fake.editAndResend.mockResolvedValue({
    chat: chat("a"),
    user: question("u2b", "Three?", { siblings: ["u2", "u2b"] }),
    reply: writing("r3"),
  });
  await userEvent.click(within(replyElement("u2")).getByTestId("edit-message"));
  const box = screen.getByTestId("edit-input");
  expect(box).toHaveFocus();
  await userEvent.clear(box);
  await userEvent.type(box, "Three?{Control>}{Enter}{/Control}");
  await settle();
  expect(fake.editAndResend).toHaveBeenCalledExactlyOnceWith("u2", "Three?");
  expect(ids()).toEqual(["u1", "r1", "u2b", "r3"]);
});

test("Escape leaves an edit as it was, and stops nothing", async () => {
  await openWindow({}, thread);
  await userEvent.click(within(replyElement("u2")).getByTestId("edit-message"));
  await userEvent.type(screen.getByTestId("edit-input"), " changed{Escape}");
  await settle();
  expect(within(replyElement("u2")).getByTestId("message-text")).toHaveTextContent(/^Two\?$/);
  expect(within(replyElement("u2")).getByTestId("edit-message")).toHaveFocus();
});

test("a refused edit keeps what was written", async () => {
  await openWindow({}, thread);
  fake.editAndResend.mockRejectedValue({ code: "busy", message: "Another reply is being written." });
  await userEvent.click(within(replyElement("u2")).getByTestId("edit-message"));
  await userEvent.type(screen.getByTestId("edit-input"), "!");
  await userEvent.click(screen.getByTestId("edit-resend"));
  await settle();
  expect(screen.getByTestId("edit-input")).toHaveValue("Two?!");
  expect(screen.getByRole("alert")).toHaveTextContent("Another reply is being written.");
});

test("versions are walked through by their arrows", async () => {
  await openWindow({}, [question("u", "Q"), reply("r2", "Second", { siblings: ["r1", "r2", "r3"] })]);
  const versions = within(replyElement("r2")).getByRole("group", { name: "Versions" });
  expect(versions).toHaveTextContent("2/3");
  fake.chooseBranch.mockResolvedValue([
    question("u", "Q"),
    reply("r3", "Third", { siblings: ["r1", "r2", "r3"] }),
  ]);
  await userEvent.click(within(versions).getByRole("button", { name: "Version after" }));
  await settle();
  expect(fake.chooseBranch).toHaveBeenCalledExactlyOnceWith("r3");
  expect(replyElement("r3")).toHaveTextContent("Third");
  expect(screen.getByRole("button", { name: "Version after" })).toBeDisabled();
});

test("each ending is told in words", async () => {
  await openWindow({}, [
    question("u", "Q"),
    reply("stopped", "a", { status: "stopped" }),
    reply("cut", "b", { status: "interrupted" }),
    reply("bad", "", { status: "error", error: "The engine stopped (signal 9)." }),
    reply("full", "d", { stats: { ...reply("x", "").stats!, stop: "length" } }),
  ]);
  expect(replyElement("stopped")).toHaveTextContent("Stopped");
  expect(replyElement("cut")).toHaveTextContent("Interrupted — Hearth closed while this was being written");
  expect(within(replyElement("cut")).getByRole("button", { name: "Regenerate" })).toBeEnabled();
  expect(replyElement("bad")).toHaveTextContent("The engine stopped (signal 9).");
  expect(within(replyElement("bad")).getByRole("button", { name: "Regenerate" })).toBeEnabled();
  expect(replyElement("full")).toHaveTextContent("Reached the end of the context");
});

test("the person's own text is never read as Markdown", async () => {
  await openWindow({}, [question("u", "**no** <b>tags</b>\nsecond line")]);
  expect(within(replyElement("u")).getByTestId("message-text").textContent).toBe(
    "**no** <b>tags</b>\nsecond line",
  );
});
