import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test, vi } from "vitest";
import type { HubPage } from "../src/lib/backend/bindings/HubPage";
import type { HubQuery } from "../src/lib/backend/bindings/HubQuery";
import { download, row, suggestion, tooBig } from "./models";
import { emit, fake, openWindow, settle } from "./world";

const found = (ids: string[], more: Partial<HubPage> = {}): HubPage => ({
  models: ids.map((id) => row(id)),
  next: null,
  cachedAt: null,
  ...more,
});
const shown = () => screen.queryAllByTestId("hub-row").map((item) => item.getAttribute("data-repo"));
const asked = (): HubQuery => fake.searchHub.mock.lastCall![0];
const field = () => screen.getByTestId<HTMLInputElement>("search-input");
const type = (value: string) => fireEvent.input(field(), { target: { value } });
const offline = { code: "offline", message: "The Hub could not be reached." } as const;

async function openPage(page: HubPage = found(["a/one", "b/two"])) {
  if (!fake.searchHub.getMockImplementation()) fake.searchHub.mockResolvedValue(page);
  await openWindow();
  await userEvent.click(screen.getByTestId("place-discover"));
  await waitFor(() => expect(fake.searchHub).toHaveBeenCalled());
  await settle();
}

describe("searching", () => {
  test("begins with what is popular, and the cursor in the field", async () => {
    await openPage();
    expect(field()).toHaveFocus();
    expect(shown()).toEqual(["a/one", "b/two"]);
    expect(asked()).toEqual({
      text: "",
      sort: "trending",
      task: null,
      licence: null,
      fitsOnly: false,
      context: null,
      maxBytes: null,
      cursor: null,
    });
  });

  test("asks once the typing rests, not at every letter", async () => {
    await openPage();
    fake.searchHub.mockClear();
    for (const text of ["q", "qw", "qwe", "qwen "]) await type(text);
    await waitFor(() => expect(fake.searchHub).toHaveBeenCalledOnce());
    expect(asked().text).toBe("qwen");
  });

  test("an answer that comes late is dropped", async () => {
    await openPage();
    const answers = new Map<string, (page: HubPage) => void>();
    fake.searchHub.mockImplementation(({ text }) => new Promise((resolve) => answers.set(text, resolve)));
    await type("first");
    await waitFor(() => expect(answers.has("first")).toBe(true));
    await type("second");
    await waitFor(() => expect(answers.has("second")).toBe(true));
    answers.get("second")!(found(["the/second"]));
    await settle();
    answers.get("first")!(found(["the/first"]));
    await settle();
    expect(shown()).toEqual(["the/second"]);
  });

  test("an answer to what has been typed over is not even waited for", async () => {
    await openPage();
    let first: (page: HubPage) => void = () => {};
    fake.searchHub.mockImplementationOnce(() => new Promise((resolve) => (first = resolve)));
    await type("first");
    await waitFor(() => expect(fake.searchHub).toHaveBeenCalledTimes(2));
    await type("firstly");
    first(found(["the/first"]));
    await settle();
    expect(shown()).toEqual(["a/one", "b/two"]);
  });

  test("Escape and the cross empty the field", async () => {
    await openPage();
    await type("qwen");
    await userEvent.keyboard("{Escape}");
    expect(field()).toHaveValue("");
    await type("qwen");
    await userEvent.click(screen.getByRole("button", { name: "Clear the search" }));
    expect(field()).toHaveValue("");
    expect(field()).toHaveFocus();
  });

  test("arrow keys walk from the field into the list and back", async () => {
    await openPage();
    await userEvent.keyboard("{ArrowDown}");
    expect(screen.getAllByTestId("hub-row")[0]).toHaveFocus();
    await userEvent.keyboard("{ArrowDown}");
    expect(screen.getAllByTestId("hub-row")[1]).toHaveFocus();
    await userEvent.keyboard("{ArrowUp}{ArrowUp}");
    expect(field()).toHaveFocus();
  });
});

describe("narrowing", () => {
  test("each filter is asked for, and the context only with what fits", async () => {
    await openPage();
    await userEvent.click(screen.getByRole("checkbox", { name: "Fits this computer" }));
    await userEvent.selectOptions(
      screen.getByLabelText("With a context of"),
      "32,768 tokens, about 98 pages",
    );
    await userEvent.selectOptions(screen.getByLabelText("Task"), "Translation");
    await userEvent.selectOptions(screen.getByLabelText("Licence"), "MIT");
    await userEvent.selectOptions(screen.getByLabelText("Size of the download"), "Up to 5.00 GB");
    await userEvent.selectOptions(screen.getByLabelText("Order"), "Newest");
    await waitFor(() =>
      expect(asked()).toEqual({
        text: "",
        sort: "newest",
        task: "translation",
        licence: "mit",
        fitsOnly: true,
        context: 32_768,
        maxBytes: 5e9,
        cursor: null,
      }),
    );
    await userEvent.click(screen.getByRole("checkbox", { name: "Fits this computer" }));
    await waitFor(() => expect(asked()).toMatchObject({ fitsOnly: false, context: null }));
    expect(screen.queryByLabelText("With a context of")).toBeNull();
  });

  test("nothing found offers to look without limits", async () => {
    fake.searchHub.mockResolvedValue(found([]));
    await openPage();
    await type("zzz");
    await userEvent.click(screen.getByRole("checkbox", { name: "Fits this computer" }));
    expect(await screen.findByText("Nothing found for “zzz” with these limits.")).toBeVisible();
    await userEvent.click(screen.getByRole("button", { name: "Look without limits" }));
    await waitFor(() => expect(asked().fitsOnly).toBe(false));
    expect(await screen.findByText("Nothing found for “zzz”.")).toBeVisible();
  });
});

describe("further pages", () => {
  test("come after the first, each repository once", async () => {
    await openPage(found(["a/one", "b/two"], { next: "p2" }));
    fake.searchHub.mockResolvedValue(found(["b/two", "c/three"]));
    await userEvent.click(screen.getByRole("button", { name: "Look further" }));
    await waitFor(() => expect(shown()).toEqual(["a/one", "b/two", "c/three"]));
    expect(asked().cursor).toBe("p2");
    expect(screen.queryByRole("button", { name: "Look further" })).toBeNull();
  });

  test("come by themselves when the end is near, until several have brought nothing", async () => {
    class AtTheEnd {
      constructor(private readonly tell: IntersectionObserverCallback) {}
      observe() {
        const entry = { isIntersecting: true } as IntersectionObserverEntry;
        queueMicrotask(() => this.tell([entry], this as unknown as IntersectionObserver));
      }
      disconnect() {}
    }
    vi.stubGlobal("IntersectionObserver", AtTheEnd);
    let page = 0;
    fake.searchHub.mockImplementation(async () => found([], { next: `p${++page}` }));
    await openPage();
    await waitFor(() => expect(page).toBe(4));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(page).toBe(4);
    expect(screen.getByText("Nothing among the first that were looked at.")).toBeVisible();
    fake.searchHub.mockResolvedValue(found(["d/four"]));
    await userEvent.click(screen.getByRole("button", { name: "Look further" }));
    await waitFor(() => expect(shown()).toEqual(["d/four"]));
    vi.unstubAllGlobals();
  });

  test("that fail leave what is there, with the reason", async () => {
    await openPage(found(["a/one"], { next: "p2" }));
    fake.searchHub.mockRejectedValue({
      code: "rateLimited",
      message: "The Hub asks for 12 seconds of patience.",
    });
    await userEvent.click(screen.getByRole("button", { name: "Look further" }));
    expect(await screen.findByTestId("hub-trouble")).toHaveTextContent("12 seconds of patience");
    expect(shown()).toEqual(["a/one"]);
    fake.searchHub.mockResolvedValue(found(["b/two"]));
    await userEvent.click(screen.getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(shown()).toEqual(["a/one", "b/two"]));
    expect(screen.queryByTestId("hub-trouble")).toBeNull();
  });
});

describe("without a network", () => {
  test("what was seen before is shown, with its date", async () => {
    await openPage(found(["a/one"], { cachedAt: new Date(2026, 0, 9, 12).getTime() }));
    expect(screen.getByTestId("cached")).toHaveTextContent(/Shown from what you saw on .*2026/);
    fake.searchHub.mockResolvedValue(found(["b/two"]));
    await userEvent.click(within(screen.getByTestId("cached")).getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(shown()).toEqual(["b/two"]));
    expect(screen.queryByTestId("cached")).toBeNull();
  });

  test("and without anything seen, it says so and what still works", async () => {
    fake.searchHub.mockRejectedValue(offline);
    fake.suggestions.mockResolvedValue([]);
    await openPage();
    const trouble = await screen.findByTestId("hub-trouble");
    expect(trouble).toHaveTextContent("The Hub could not be reached.");
    expect(trouble).toHaveTextContent("work without a network");
    fake.searchHub.mockResolvedValue(found(["a/one"]));
    await userEvent.click(within(trouble).getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(shown()).toEqual(["a/one"]));
  });
});

test("a row says what matters before it is opened", async () => {
  fake.searchHub.mockResolvedValue({
    models: [
      row("meta/Llama", { verdict: "tooBig", gated: "manual", installed: true }),
      row("x/y", { licence: null, parameters: null, verdict: null, contextLength: null, lastModified: null }),
    ],
    next: null,
    cachedAt: null,
  });
  await openPage();
  const [first, second] = screen.getAllByTestId("hub-row");
  expect(first).toHaveTextContent("Too big");
  expect(first).toHaveTextContent("Asks for consent");
  expect(first).toHaveTextContent("On this computer");
  expect(first).toHaveTextContent(
    "8 billion parameters · Apache 2.0 · up to 131,072 tokens · 1.2 million downloads",
  );
  expect(second).toHaveTextContent("Licence not stated · 1.2 million downloads");
});

describe("suggestions", () => {
  const rows = () => screen.queryAllByTestId("suggestion").map((item) => item.getAttribute("data-repo"));

  test("stand above while nothing is looked for: those that fit, three at first", async () => {
    fake.suggestions.mockResolvedValue([
      suggestion("A"),
      suggestion("Giant", { verdict: tooBig }),
      suggestion("B"),
      suggestion("C"),
      suggestion("D"),
    ]);
    await openPage();
    expect(rows()).toEqual(["makers/A-GGUF", "makers/B-GGUF", "makers/C-GGUF"]);
    await userEvent.click(screen.getByRole("button", { name: "Show 1 more" }));
    expect(rows()).toHaveLength(4);
    await type("qwen");
    expect(rows()).toEqual([]);
  });

  test("a download begins with one click and shows how far it is", async () => {
    fake.suggestions.mockResolvedValue([suggestion("A")]);
    await openPage();
    const mine = { repo: "makers/A-GGUF", variant: "Q4_K_M", totalBytes: 2.5e9 };
    fake.downloadVariant.mockResolvedValue(download("1", mine));
    await userEvent.click(screen.getByRole("button", { name: "Download A, 2.50 GB" }));
    expect(fake.downloadVariant).toHaveBeenCalledExactlyOnceWith("makers/A-GGUF", "Q4_K_M");
    await settle();
    expect(screen.getByTestId("suggestion")).toHaveTextContent("Waiting its turn, 2.50 GB");
    await emit({
      type: "downloads",
      downloads: [
        download("1", { ...mine, state: "running", doneBytes: 1e9, bytesPerSecond: 10e6, secondsLeft: 150 }),
      ],
    });
    expect(screen.getByTestId("suggestion")).toHaveTextContent(
      "1.00 GB of 2.50 GB, 10 MB a second, about 3 minutes left",
    );
    expect(screen.getByRole("progressbar", { name: "Downloading A" })).toHaveAttribute("aria-valuenow", "40");
  });

  test("that cannot be had say why", async () => {
    fake.suggestions.mockRejectedValue(offline);
    await openPage();
    expect(screen.getByTestId("hub-trouble")).toHaveTextContent("The Hub could not be reached.");
  });

  test("that do not fit are none", async () => {
    fake.suggestions.mockResolvedValue([suggestion("Giant", { verdict: tooBig })]);
    await openPage();
    expect(screen.getByText(/None of the models that Hearth knows well fits/)).toBeVisible();
  });
});
