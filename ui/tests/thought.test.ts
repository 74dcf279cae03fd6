import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import { told } from "../src/lib/thread/thought";
import { emit, fake, openWindow, question, ready, reply, replyElement, startOf, writing } from "./world";

describe("a reply is parted", () => {
  test.each([
    ["Two.", null, false, "Two."],
    ["<think>\nOne and one.\n</think>\n\nTwo.", "One and one.", false, "Two."],
    ["<think>\n\n</think>\n\nTwo.", null, false, "Two."],
    ["<think>\nOne and", "One and", true, ""],
    ["<think>\nOne.\n</thi", "One.", true, ""],
    ["<think>\n1 < 2", "1 < 2", true, ""],
    ["<thi", null, false, ""],
    ["It is a <think> tag", null, false, "It is a <think> tag"],
    ["<th>Two</th>", null, false, "<th>Two</th>"],
  ])("%j", (text, thought, thinking, answer) => {
    expect(told(text)).toEqual({ thought, thinking, answer });
  });
});

test("what a model thought is shown on request, and not copied", async () => {
  await openWindow({}, [question("u", "One and one?"), reply("r", "<think>\nI count.\n</think>\n\nTwo.")]);
  const element = replyElement("r");
  expect(within(element).getByTestId("message-text")).toHaveTextContent("What it thought first Two.");
  expect(element).not.toHaveTextContent("I count.");
  await userEvent.click(within(element).getByRole("button", { name: "What it thought first" }));
  expect(element).toHaveTextContent("I count.");
});

test("while it thinks it says so", async () => {
  await openWindow({}, [question("u", "One and one?"), writing("r", "<think>\nI count")]);
  expect(within(replyElement("r")).getByRole("button", { name: "Thinking…" })).toBeVisible();
});

describe("thinking first", () => {
  const thinker = { ...ready, thinks: true };
  const button = () => screen.queryByRole("button", { name: "Think before answering" });

  test("is offered for models that can do both, and kept as a setting", async () => {
    await openWindow({ engine: thinker });
    const { settings } = startOf();
    fake.setSettings.mockResolvedValue({ ...settings, think: true });
    expect(button()).toHaveAttribute("aria-pressed", "false");
    await userEvent.click(screen.getByTestId("think"));
    expect(fake.setSettings).toHaveBeenCalledExactlyOnceWith({ ...settings, think: true });
    expect(button()).toHaveAttribute("aria-pressed", "true");
    // Asleep, it is what it was.
    await emit({ type: "engine", engine: { state: "asleep", model: ready.model } });
    expect(button()).toBeVisible();
  });

  test("is not offered for others", async () => {
    await openWindow();
    expect(button()).toBeNull();
  });
});
