import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../src/lib/backend/bindings/ErrorCode";
import type { RepoPage } from "../src/lib/backend/bindings/RepoPage";
import { cardText } from "../src/lib/discover/card";
import { GIB, REPO, download, entry, repoPage, row, tooBig, variant, verdict } from "./models";
import { emit, fake, llama, openWindow, settle } from "./world";

const versions = () => screen.getAllByTestId("variant");
const version = (name: string) => {
  const item = versions().find((element) => element.getAttribute("data-variant") === name);
  if (!item) throw new Error(`no version ${name}`);
  return item;
};
const slider = () => screen.getByTestId("context-slider");

async function openRepo(page: RepoPage = repoPage()) {
  fake.searchHub.mockResolvedValue({ models: [row(REPO)], next: null, cachedAt: null });
  if (!fake.openRepo.getMockImplementation()) fake.openRepo.mockResolvedValue(page);
  if (!fake.suggestDraft.getMockImplementation()) fake.suggestDraft.mockResolvedValue(null);
  await openWindow();
  await userEvent.click(screen.getByTestId("place-discover"));
  await userEvent.click(await screen.findByTestId("hub-row"));
  await settle();
}

test("it shows licence, size, context and every version with its verdict bar", async () => {
  await openRepo();
  const page = screen.getByTestId("repo");
  expect(page).toHaveTextContent("by bartowski");
  expect(page).toHaveTextContent("Llama 3.1");
  expect(page).toHaveTextContent("keeps up to 131,072 tokens in mind, about 390 pages");
  expect(page).toHaveTextContent("Made from meta-llama/Llama-3.1-8B-Instruct");
  expect(version("Q4_K_M")).toHaveTextContent("4.92 GB · a good balance of size and quality");
  expect(version("Q4_K_M")).toHaveTextContent("Recommended");
  expect(version("Q4_K_M")).toHaveTextContent("Fits Runs well, about 12 words a second.");
  expect(within(version("Q8_0")).getByTestId("verdict-bar")).toHaveAccessibleName(/6 GB too much/);
  expect(
    within(version("Q8_0")).getByRole("button", { name: "Download anyway Q8_0, 8.54 GB" }),
  ).toBeVisible();
});

describe("the context slider", () => {
  test("says tokens and pages, and reprices every version once it rests", async () => {
    await openRepo();
    expect(slider()).toHaveAttribute("aria-valuetext", "4,096 tokens, about 12 pages");
    fake.priceVariant.mockImplementation(async (_, name, context) =>
      name === "Q8_0"
        ? tooBig
        : verdict("tight", { context, memory: { ...verdict().memory, kvBytes: 4 * GIB } }),
    );
    for (const value of [4, 5, 6]) await fireEvent.input(slider(), { target: { value } });
    expect(slider()).toHaveAttribute("aria-valuetext", "32,768 tokens, about 98 pages");
    await waitFor(() => expect(version("Q4_K_M")).toHaveTextContent("Tight"));
    expect(fake.priceVariant.mock.calls).toEqual([
      [REPO, "Q4_K_M", 32_768],
      [REPO, "Q8_0", 32_768],
    ]);
  });

  test("takes only the prices of the last place", async () => {
    await openRepo(repoPage({ variants: [variant("Q4_K_M")] }));
    const answers = new Map<number, (priced: ReturnType<typeof verdict>) => void>();
    fake.priceVariant.mockImplementation((_, __, at) => new Promise((resolve) => answers.set(at, resolve)));
    await fireEvent.input(slider(), { target: { value: 4 } });
    await waitFor(() => expect(answers.has(8192)).toBe(true));
    await fireEvent.input(slider(), { target: { value: 5 } });
    await waitFor(() => expect(answers.has(16_384)).toBe(true));
    answers.get(16_384)!(verdict("tight"));
    await settle();
    answers.get(8192)!(tooBig);
    await settle();
    expect(version("Q4_K_M")).toHaveTextContent("Tight");
  });

  test("ends at what the model was trained for", async () => {
    await openRepo(repoPage({ trainedContext: 40_960 }));
    await fireEvent.input(slider(), { target: { value: 99 } });
    expect(slider()).toHaveAttribute("aria-valuetext", "40,960 tokens, about 120 pages");
  });

  test("says when a price could not be had, and keeps the last one", async () => {
    await openRepo(repoPage({ variants: [variant("Q4_K_M")] }));
    fake.priceVariant.mockRejectedValue({ code: "offline", message: "The header could not be read." });
    await fireEvent.input(slider(), { target: { value: 5 } });
    expect(await screen.findByText("The header could not be read.")).toBeVisible();
    expect(version("Q4_K_M")).toHaveTextContent("Fits");
  });
});

test("versions without a verdict are priced when the page opens", async () => {
  fake.priceVariant.mockResolvedValue(verdict("tight"));
  await openRepo(repoPage({ variants: [variant("Q4_K_M", { verdict: null })] }));
  await waitFor(() => expect(version("Q4_K_M")).toHaveTextContent("Tight"));
  expect(fake.priceVariant).toHaveBeenCalledExactlyOnceWith(REPO, "Q4_K_M", 4096);
});

test("a version that the engine cannot run says why, and is not priced", async () => {
  await openRepo(
    repoPage({ variants: [variant("IQ1_S", { verdict: null, reason: "Take Q4_K_M instead." })] }),
  );
  expect(version("IQ1_S")).toHaveTextContent("Engine can’t Take Q4_K_M instead.");
  expect(fake.priceVariant).not.toHaveBeenCalled();
});

test("what is quantised while it is read says that it is larger to download", async () => {
  const files = ["model.safetensors", "config.json", "tokenizer.json"];
  await openRepo(
    repoPage({ variants: [variant("Q5_K", { quantisedHere: true, files, sizeBytes: 8.12e9 })] }),
  );
  expect(version("Q5_K")).toHaveTextContent("8.12 GB · close to the original · shortened while it is read");
  expect(screen.getByRole("button", { name: "Download Q5_K, 8.12 GB" })).toBeVisible();
});

test("what another app holds costs nothing to get", async () => {
  await openRepo(repoPage({ variants: [variant("Q4_K_M", { state: "onThisComputer", owner: "Ollama" })] }));
  expect(version("Q4_K_M")).toHaveTextContent("Already on this computer, in Ollama: 0 bytes to download.");
  fake.downloadVariant.mockResolvedValue(download("", { state: "done" }));
  fake.library.mockResolvedValue([entry(llama, { repo: REPO })]);
  await userEvent.click(screen.getByRole("button", { name: "Use it here Q4_K_M" }));
  await settle();
  expect(fake.downloadVariant).toHaveBeenCalledExactlyOnceWith(REPO, "Q4_K_M");
  await userEvent.click(screen.getByRole("button", { name: "Chat with Q4_K_M" }));
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
});

test("a download that arrives can be chatted with at once", async () => {
  await openRepo(repoPage({ variants: [variant("Q4_K_M", { recommended: true })] }));
  fake.downloadVariant.mockResolvedValue(download("1"));
  await userEvent.click(screen.getByRole("button", { name: "Download Q4_K_M, 4.92 GB" }));
  await settle();
  expect(screen.getByRole("progressbar", { name: "Downloading Q4_K_M" })).toBeInTheDocument();
  fake.library.mockResolvedValue([entry(llama, { repo: REPO })]);
  await emit({ type: "downloads", downloads: [download("1", { state: "done", doneBytes: 4e9 })] });
  await settle();
  await userEvent.click(screen.getByRole("button", { name: "Chat with Q4_K_M" }));
  await settle();
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
  expect(screen.getByTestId("composer-input")).toHaveFocus();
});

test("versions that share the files of one that arrives are here as well, whoever says first that it is", async () => {
  const whole = (name: string, state: "available" | "onThisComputer") =>
    variant(name, { state, quantisedHere: true, files: ["model.safetensors"] });
  await openRepo(repoPage({ variants: [whole("Q5_K", "available"), whole("Q6_K", "available")] }));
  fake.downloadVariant.mockResolvedValue(download("1", { variant: "Q6_K" }));
  await userEvent.click(screen.getByRole("button", { name: /Download Q6_K/ }));
  await settle();
  const arrived = [entry(llama, { repo: REPO })];
  fake.library.mockResolvedValue(arrived);
  fake.openRepo.mockResolvedValue(
    repoPage({ variants: [whole("Q5_K", "onThisComputer"), whole("Q6_K", "available")] }),
  );
  await emit({ type: "downloads", downloads: [download("1", { variant: "Q6_K", state: "done" })] });
  await settle();
  await emit({ type: "library", entries: arrived });
  await settle();
  expect(version("Q5_K")).toHaveTextContent("Already on this computer: 0 bytes to download.");
});

test("a download that is refused says why, with what to do", async () => {
  await openRepo();
  fake.downloadVariant.mockRejectedValueOnce({ code: "diskFull", message: "5 GB more are needed." });
  await userEvent.click(screen.getByRole("button", { name: "Download Q4_K_M, 4.92 GB" }));
  const trouble = await screen.findByTestId("hub-trouble");
  expect(trouble).toHaveTextContent("5 GB more are needed.");
  fake.downloadVariant.mockResolvedValue(download("1"));
  await userEvent.click(within(trouble).getByRole("button", { name: "Go on" }));
  await settle();
  expect(screen.queryByTestId("hub-trouble")).toBeNull();
});

test("a gated model says what to do, opens its page, and takes a token", async () => {
  fake.openRepoPage.mockResolvedValue();
  await openRepo(repoPage({ gated: "manual" }));
  const note = screen.getByTestId("gated");
  expect(note).toHaveTextContent("wait until they have let you in");
  await userEvent.click(within(note).getByRole("button", { name: "Open the model’s page" }));
  expect(fake.openRepoPage).toHaveBeenCalledExactlyOnceWith(REPO);
  await userEvent.click(within(note).getByRole("button", { name: "Enter a token…" }));
  expect(screen.getByTestId("token-dialog")).toBeVisible();
  fake.setHubToken.mockResolvedValue("ada");
  await userEvent.type(screen.getByTestId("token-input"), "hf_secret{Enter}");
  await settle();
  expect(fake.openRepo).toHaveBeenCalledTimes(2);
  expect(screen.getByTestId("gated")).toHaveTextContent("You are signed in as ada.");
});

test.each<[ErrorCode, string[]]>([
  ["gated", ["Open the model’s page", "Enter a token…", "I have accepted, try again"]],
  ["needsToken", ["Enter a token…"]],
  ["tokenWrong", ["Enter a token…"]],
  ["offline", ["Try again"]],
  ["rateLimited", ["Try again"]],
  ["notJson", ["Try again"]],
  ["clockOff", ["Try again"]],
  ["repoGone", []],
])("a page that is refused as %s offers what helps", async (code, offered) => {
  fake.openRepo.mockRejectedValue({ code, message: "Why, and what to do." });
  await openRepo();
  const trouble = await screen.findByTestId("hub-trouble");
  expect(trouble).toHaveTextContent("Why, and what to do.");
  expect(
    within(trouble)
      .queryAllByRole("button")
      .map((button) => button.textContent?.trim()),
  ).toEqual(offered);
});

test("a repository without a model that runs here says so", async () => {
  await openRepo(repoPage({ variants: [] }));
  expect(screen.getByText(/This repository has no model in a form/)).toBeVisible();
  expect(screen.queryByTestId("context-slider")).toBeNull();
});

test("Escape and Back lead to the list, with the focus on the row", async () => {
  await openRepo();
  expect(screen.getByTestId("repo-title")).toHaveFocus();
  await userEvent.keyboard("{Escape}");
  await settle();
  expect(screen.getByTestId("hub-row")).toHaveFocus();
  await userEvent.click(screen.getByTestId("hub-row"));
  await settle();
  await userEvent.click(screen.getByRole("button", { name: "Back" }));
  await settle();
  expect(screen.getByTestId("hub-row")).toHaveFocus();
});

test("the repository stays open while one looks elsewhere", async () => {
  await openRepo();
  await userEvent.click(screen.getByTestId("place-library"));
  await userEvent.click(screen.getByTestId("place-discover"));
  await settle();
  expect(screen.getByTestId("repo")).toHaveAttribute("data-repo", REPO);
});

test("a small model to draft for it is offered, and opening it leads back here", async () => {
  const small = { repo: "q/small", variant: "Q8_0", name: "Qwen3 0.6B", sizeBytes: 0.64e9 };
  fake.suggestDraft.mockImplementation(async (repo) => (repo === REPO ? small : null));
  await openRepo();
  const note = await screen.findByTestId("draft");
  expect(note).toHaveTextContent("Faster together with Qwen3 0.6B");
  expect(note).toHaveTextContent("Both have the same vocabulary");
  fake.downloadVariant.mockResolvedValue(download("d", { repo: "q/small", variant: "Q8_0" }));
  await userEvent.click(within(note).getByRole("button", { name: "Download Qwen3 0.6B, 640 MB" }));
  expect(fake.downloadVariant).toHaveBeenCalledExactlyOnceWith("q/small", "Q8_0");
  await userEvent.click(within(note).getByRole("button", { name: "See Qwen3 0.6B" }));
  await settle();
  expect(screen.getByTestId("repo")).toHaveAttribute("data-repo", "q/small");
  expect(screen.queryByTestId("draft")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Back" }));
  await settle();
  expect(screen.getByTestId("repo")).toHaveAttribute("data-repo", REPO);
});

describe("the card", () => {
  test("is read as Markdown, without the markup around it", async () => {
    const card =
      '<p align="center"><img src="https://x.org/a.png"></p>\n\n# Title\n\n[![b](c.svg)](https://d.org) **Bold** words';
    await openRepo(repoPage({ card }));
    const repo = screen.getByTestId("repo");
    expect(within(repo).getByRole("heading", { name: "Title" })).toBeVisible();
    expect(within(repo).getByText("Bold").tagName).toBe("STRONG");
    expect(repo.querySelector("img")).toBeNull();
    expect(repo).not.toHaveTextContent("align");
  });

  test.each([
    ["code is kept: `<b>`", "code is kept: `<b>`"],
    ["```html\n<b>x</b>\n```", "```html\n<b>x</b>\n```"],
    ["a <!-- b\nc --> d", "a  d"],
    ["1 < 2 and 3 > 2", "1 < 2 and 3 > 2"],
    ["<https://e.org>", "<https://e.org>"],
    ["<div\n  class='x'>in</div>", "in"],
    ["![a](b.png)", ""],
    ["<!-- never closed", ""],
  ])("%j becomes %j", (card, text) => expect(cardText(card)).toBe(text));
});
