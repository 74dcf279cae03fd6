import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import axe from "axe-core";
import { expect, test } from "vitest";
import { download, repoPage, row, suggestion, tooBig, entry, verdict } from "./models";
import { bard, emit, fake, llama, openWindow, question, reply, settle } from "./world";

const PAGES = [
  ["Discover", "2", "discover-page"],
  ["Library", "3", "library-page"],
  ["Downloads", "4", "downloads-page"],
  ["This computer", "5", "computer-page"],
] as const;

const search = () => fake.searchHub.mockResolvedValue({ models: [], next: null, cachedAt: null });

test.each(PAGES)("%s is a click and a key away, and the keyboard lands on it", async (name, key, page) => {
  search();
  await openWindow();
  const places = screen.getByRole("navigation", { name: "Places" });
  await userEvent.click(within(places).getByRole("button", { name }));
  expect(screen.getByTestId(page)).toBeVisible();
  expect(within(places).getByRole("button", { name })).toHaveAttribute("aria-current", "page");
  expect(screen.getByTestId(page)).toContainElement(document.activeElement as HTMLElement);
  expect(screen.queryByTestId("composer-input")).toBeNull();

  await userEvent.keyboard("{Control>}1{/Control}");
  expect(screen.getByTestId("composer-input")).toHaveFocus();
  await userEvent.keyboard(`{Control>}[Digit${key}]{/Control}`);
  expect(screen.getByTestId(page)).toBeVisible();
});

test("a chat chosen in the sidebar leads back to the chats", async () => {
  search();
  await openWindow({}, [question("u", "Hi")]);
  await userEvent.keyboard("{Control>}[Digit3]{/Control}");
  expect(screen.getByRole("button", { name: "Chat a" })).not.toHaveAttribute("aria-current");
  await userEvent.click(screen.getByRole("button", { name: "Chat a" }));
  await settle();
  expect(screen.getByTestId("message")).toHaveTextContent("Hi");
  expect(screen.getByRole("button", { name: "Chat a" })).toHaveAttribute("aria-current", "page");
});

test("Escape elsewhere does not stop a reply", async () => {
  await openWindow({}, [question("u", "Hi"), reply("r", "Well", { status: "streaming", stats: null })]);
  await userEvent.keyboard("{Control>}[Digit3]{/Control}{Escape}");
  expect(fake.stop).not.toHaveBeenCalled();
});

test("the downloads under way are counted in the sidebar", async () => {
  fake.listDownloads.mockResolvedValue([
    download("1", { state: "running", doneBytes: 1e9, totalBytes: 4e9 }),
    download("2", { state: "done", doneBytes: 4e9 }),
  ]);
  await openWindow();
  expect(screen.getByRole("button", { name: "Downloads, 1 in the queue, 25 %" })).toBeInTheDocument();
  const error = { code: "diskFull", message: "The disk is full." } as const;
  await emit({
    type: "downloads",
    downloads: [
      download("1", { state: "running", doneBytes: 2e9, totalBytes: 4e9 }),
      download("3", { state: "failed", doneBytes: 2e9, totalBytes: 4e9, error }),
    ],
  });
  expect(
    screen.getByRole("button", { name: "Downloads, 2 in the queue, 50 %, 1 stopped with an error" }),
  ).toBeInTheDocument();
  await emit({ type: "downloads", downloads: [] });
  expect(screen.getByRole("button", { name: "Downloads" })).toBeInTheDocument();
});

test("after a model is picked, one writes", async () => {
  await openWindow();
  await userEvent.click(screen.getByTestId("model-button"));
  await settle();
  const item = screen
    .getAllByTestId("model-item")
    .find((element) => element.getAttribute("data-model-id") === "llama");
  await userEvent.click(within(item!).getByRole("button", { name: /^Llama/ }));
  await settle();
  expect(screen.getByTestId("composer-input")).toHaveFocus();
});

test("the first model of all unlocks the box, and the focus is in it", async () => {
  await openWindow({ chats: [], engine: { state: "noModel" }, models: [bard] });
  await userEvent.click(screen.getByTestId("model-button"));
  await settle();
  await userEvent.click(within(screen.getByTestId("model-list")).getByRole("button", { name: /^Bard/ }));
  await settle();
  expect(screen.getByTestId("composer-input")).toBeDisabled();
  await emit({ type: "engine", engine: { state: "loading", model: bard, fraction: 0, after: null } });
  expect(screen.getByTestId("composer-input")).toHaveFocus();
});

test("the picker shows what each model takes, and leads to more", async () => {
  search();
  fake.library.mockResolvedValue([entry(bard), entry(llama, { verdict: tooBig })]);
  await openWindow();
  await userEvent.click(screen.getByTestId("model-button"));
  await settle();
  expect(within(screen.getByTestId("model-list")).getByTestId("verdict-bar")).toHaveAccessibleName(
    /6 GB too much/,
  );
  await userEvent.click(screen.getByTestId("find-more"));
  expect(screen.queryByTestId("model-list")).toBeNull();
  expect(screen.getByTestId("discover-page")).toBeVisible();
});

test("what the last reply says itself is not said a second time", async () => {
  const error = { code: "engineDied", message: "The engine stopped (signal 9)." } as const;
  await openWindow({}, [
    question("u", "Hi"),
    reply("r", "Be", { status: "interrupted", error: error.message, stats: null }),
  ]);
  await emit({ type: "engine", engine: { state: "failed", model: bard, error } });
  expect(screen.getByTestId("reply-note")).toHaveTextContent(error.message);
  expect(screen.queryByTestId("engine-error")).toBeNull();
  const other = { ...error, message: "The file is gone." };
  await emit({ type: "engine", engine: { state: "failed", model: bard, error: other } });
  expect(screen.getByTestId("engine-error")).toHaveTextContent("The file is gone.");
});

const faults = async () =>
  (
    await axe.run(document.body, {
      rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
    })
  ).violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);

test("no place has a fault that axe can find", async () => {
  fake.searchHub.mockResolvedValue({
    models: [row("a/b"), row("c/d", { gated: "auto" })],
    next: "2",
    cachedAt: 1,
  });
  fake.suggestions.mockResolvedValue([suggestion("Qwen3 4B")]);
  fake.openRepo.mockResolvedValue(repoPage({ gated: "manual" }));
  fake.suggestDraft.mockResolvedValue({ repo: "e/f", variant: "Q8_0", name: "Small", sizeBytes: 1e9 });
  fake.listDownloads.mockResolvedValue([
    download("1", { state: "running" }),
    download("2", { state: "done" }),
  ]);
  fake.library.mockResolvedValue([
    entry(llama, { verdict: verdict(), verifying: 0.4, measured: { tokensPerSecond: 12, peakBytes: 3e9 } }),
    entry(bard, { damaged: true, repo: "a/b" }),
  ]);
  fake.findModels.mockResolvedValue([
    { id: "o", owner: "Ollama", name: "llama3", fileName: "sha256-0", sizeBytes: 5e9 },
  ]);
  await openWindow();
  for (const key of ["2", "3", "4", "5"]) {
    await userEvent.keyboard(`{Control>}[Digit${key}]{/Control}`);
    await settle();
    if (key === "2") {
      await screen.findAllByTestId("hub-row");
      expect(await faults()).toEqual([]);
      await userEvent.click(screen.getAllByTestId("hub-row")[0]!);
      await screen.findByTestId("draft");
    }
    expect(await faults()).toEqual([]);
  }
}, 120_000);
