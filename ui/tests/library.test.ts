import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import type { FoundModel } from "../src/lib/backend/bindings/FoundModel";
import type { LibraryEntry } from "../src/lib/backend/bindings/LibraryEntry";
import { download, entry, tooBig, verdict } from "./models";
import { bard, emit, fake, llama, openWindow, settle } from "./world";

const ollama: FoundModel = {
  id: "o",
  owner: "Ollama",
  name: "phi4",
  fileName: "sha256-667b",
  sizeBytes: 9.05e9,
};
const item = (id: string) => {
  const found = screen
    .getAllByTestId("library-entry")
    .find((element) => element.getAttribute("data-model-id") === id);
  if (!found) throw new Error(`no model ${id} in the library`);
  return found;
};

async function openPage(entries: LibraryEntry[], elsewhere: FoundModel[] = []) {
  fake.library.mockResolvedValue(entries);
  fake.findModels.mockResolvedValue(elsewhere);
  await openWindow();
  await userEvent.click(screen.getByTestId("place-library"));
  await settle();
}

test("each model tells size, last use and verdict, and what was measured beside what was predicted", async () => {
  await openPage([
    entry(llama, { verdict: verdict(), measured: { tokensPerSecond: 14.6, peakBytes: 6.1 * 2 ** 30 } }),
    entry(bard, { parameters: 1.8e6 }),
  ]);
  expect(screen.getByTestId("library-page")).toHaveTextContent("2 models, 2.02 GB on this computer.");
  expect(item("llama")).toHaveTextContent("3.2 billion parameters · Q4_K_M · 2.02 GB · Used today");
  expect(item("llama")).toHaveTextContent("Fits Runs well, about 12 words a second.");
  expect(within(item("llama")).getByTestId("measured")).toHaveTextContent(
    "Measured here: about 11 words a second, predicted about 12 words a second; it took 6.1 GB of memory.",
  );
  expect(item("bard")).toHaveTextContent("Ships inside Hearth.");
  expect(within(item("bard")).queryByRole("button", { name: /Delete/ })).toBeNull();
});

test("a model can be chatted with, in a new chat", async () => {
  await openPage([entry(llama)]);
  await userEvent.click(screen.getByRole("button", { name: "Chat with Llama 3.2 3B" }));
  await settle();
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
  expect(screen.getByTestId("composer-input")).toHaveFocus();
});

test("the model in memory is not loaded again", async () => {
  await openPage([entry(bard)]);
  await userEvent.click(screen.getByRole("button", { name: "Chat with Bard" }));
  await settle();
  expect(fake.loadModel).not.toHaveBeenCalled();
  expect(screen.getByTestId("composer-input")).toHaveFocus();
});

test("with the numbers comes a context to try", async () => {
  await openPage([entry(llama, { verdict: verdict() })]);
  await userEvent.click(screen.getByRole("button", { name: "The numbers of Llama 3.2 3B" }));
  fake.priceModel.mockResolvedValue(tooBig);
  await fireEvent.input(screen.getByTestId("context-slider"), { target: { value: 7 } });
  await waitFor(() => expect(item("llama")).toHaveTextContent("Too big"));
  expect(fake.priceModel).toHaveBeenCalledExactlyOnceWith("llama", 65_536);
});

test("what is shortened while it is read can be shortened to something else", async () => {
  const mine = entry(llama, {
    verdict: verdict(),
    quantisation: "Q8_0",
    quantisations: ["Q8_0", "Q6_K", "Q5_K", "Q4_K"],
  });
  await openPage([mine, entry(bard)]);
  const choice = screen.getByRole("combobox", { name: "What Llama 3.2 3B is shortened to" });
  expect(choice).toHaveDisplayValue("the best that fits: Q8_0");
  expect(within(item("bard")).queryByTestId("shortening")).toBeNull();
  fake.setQuantisation.mockResolvedValue();
  await userEvent.selectOptions(choice, "Q5_K, close to the original");
  expect(fake.setQuantisation).toHaveBeenLastCalledWith("llama", "Q5_K");
  await emit({ type: "library", entries: [{ ...mine, quantisation: "Q5_K", chosenQuantisation: "Q5_K" }] });
  await userEvent.selectOptions(choice, "the best that fits");
  expect(fake.setQuantisation).toHaveBeenLastCalledWith("llama", null);
});

test("what is shortened while it is read can be kept, stopped and removed", async () => {
  const mine = entry(llama, { verdict: verdict(), quantisedCopy: { state: "offered", bytes: 1.2e9 } });
  await openPage([mine, entry(bard)]);
  expect(within(item("bard")).queryByTestId("quantised-copy")).toBeNull();
  expect(item("llama")).toHaveTextContent("takes 1.20 GB more of the disk");
  fake.keepQuantised.mockResolvedValue();
  await userEvent.click(screen.getByRole("button", { name: "Keep Llama 3.2 3B quantised" }));
  expect(fake.keepQuantised).toHaveBeenCalledExactlyOnceWith("llama");

  await emit({ type: "library", entries: [{ ...mine, quantisedCopy: { state: "keeping", fraction: 0.5 } }] });
  expect(screen.getByRole("progressbar", { name: "Keeping Llama 3.2 3B quantised" })).toHaveAttribute(
    "aria-valuenow",
    "50",
  );
  fake.dropQuantised.mockResolvedValue();
  await userEvent.click(screen.getByRole("button", { name: "Stop keeping Llama 3.2 3B quantised" }));
  expect(fake.dropQuantised).toHaveBeenCalledExactlyOnceWith("llama");

  const kept = { state: "kept", bytes: 1.2e9, quantisation: "Q4_K" } as const;
  await emit({ type: "library", entries: [{ ...mine, quantisedCopy: { ...kept, used: true } }] });
  expect(item("llama")).toHaveTextContent("Kept quantised to Q4_K, 1.20 GB: it starts faster.");
  await userEvent.click(screen.getByRole("button", { name: "Remove the quantised copy of Llama 3.2 3B" }));
  expect(fake.dropQuantised).toHaveBeenCalledTimes(2);
  await emit({ type: "library", entries: [{ ...mine, quantisedCopy: { ...kept, used: false } }] });
  expect(item("llama")).toHaveTextContent("not what it is shortened to now");
});

describe("checking", () => {
  test("shows how far it is, and says at the end that all is well", async () => {
    await openPage([entry(llama)]);
    fake.verifyModel.mockResolvedValue();
    await userEvent.click(screen.getByRole("button", { name: "Check the file of Llama 3.2 3B" }));
    expect(fake.verifyModel).toHaveBeenCalledExactlyOnceWith("llama");
    await emit({ type: "library", entries: [entry(llama, { verifying: 0.43 })] });
    expect(screen.getByRole("progressbar", { name: "Checking Llama 3.2 3B" })).toHaveAttribute(
      "aria-valuenow",
      "43",
    );
    await userEvent.click(screen.getByRole("button", { name: "Check the file of Llama 3.2 3B" }));
    expect(fake.verifyModel).toHaveBeenCalledOnce();
    await emit({ type: "library", entries: [entry(llama)] });
    expect(screen.getByText("Llama 3.2 3B is whole: every byte is as it was published.")).toBeVisible();
  });

  test("a damaged file says what that means, and can be downloaded again", async () => {
    await openPage([entry(llama, { verifying: 0.9, repo: "a/b" })]);
    await emit({ type: "library", entries: [entry(llama, { damaged: true, repo: "a/b" })] });
    expect(within(item("llama")).getByRole("alert")).toHaveTextContent("The file is damaged");
    expect(screen.queryByText(/is whole/)).toBeNull();
    fake.downloadVariant.mockResolvedValue(download("1", { repo: "a/b" }));
    await userEvent.click(screen.getByRole("button", { name: "Download again" }));
    await settle();
    expect(fake.downloadVariant).toHaveBeenCalledExactlyOnceWith("a/b", "Q4_K_M");
    expect(screen.getByTestId("downloads-page")).toBeVisible();
  });

  test("a file that cannot be checked says why", async () => {
    await openPage([entry(llama)]);
    fake.verifyModel.mockRejectedValue({
      code: "invalidInput",
      message: "Only downloaded models can be checked.",
    });
    await userEvent.click(screen.getByRole("button", { name: "Check the file of Llama 3.2 3B" }));
    await settle();
    expect(screen.getByRole("alert")).toHaveTextContent("Only downloaded models can be checked.");
  });
});

describe("deleting", () => {
  const open = () => userEvent.click(screen.getByRole("button", { name: "Delete Llama 3.2 3B…" }));

  test("says first what is freed", async () => {
    await openPage([entry(llama), entry(bard)]);
    fake.previewDelete.mockResolvedValue({ freedBytes: 2.02e9, files: ["llama.gguf"], keptReason: null });
    await open();
    await settle();
    expect(screen.getByTestId("freed")).toHaveTextContent("This frees 2.02 GB.");
    expect(screen.getByTestId("delete-dialog")).toHaveTextContent("llama.gguf");
    expect(fake.deleteModel).not.toHaveBeenCalled();
    fake.deleteModel.mockResolvedValue();
    await userEvent.click(screen.getByTestId("confirm-delete"));
    await settle();
    expect(fake.deleteModel).toHaveBeenCalledExactlyOnceWith("llama");
    expect(screen.getAllByTestId("library-entry")).toHaveLength(1);
    expect(screen.getByText("Deleted Llama 3.2 3B. 2.02 GB are free again.")).toBeVisible();
  });

  test("of a file that is not Hearth’s only takes it off the list", async () => {
    await openPage([entry(llama, { imported: true })]);
    fake.previewDelete.mockResolvedValue({
      freedBytes: 0,
      files: [],
      keptReason: "The file belongs to Ollama.",
    });
    await open();
    await settle();
    expect(screen.getByTestId("freed")).toHaveTextContent("No file is deleted.");
    expect(screen.getByTestId("delete-dialog")).toHaveTextContent("The file belongs to Ollama.");
    expect(screen.getByTestId("confirm-delete")).toHaveTextContent("Take it off the list");
  });

  test("can be thought better of", async () => {
    await openPage([entry(llama)]);
    fake.previewDelete.mockResolvedValue({ freedBytes: 1, files: ["a"], keptReason: null });
    await open();
    await userEvent.click(screen.getByRole("button", { name: "Keep it" }));
    expect(screen.queryByTestId("delete-dialog")).toBeNull();
    expect(screen.getByRole("button", { name: "Delete Llama 3.2 3B…" })).toHaveFocus();
  });

  test("that fails says why and keeps the model", async () => {
    await openPage([entry(llama)]);
    fake.previewDelete.mockResolvedValue({ freedBytes: 1, files: ["a"], keptReason: null });
    fake.deleteModel.mockRejectedValue({ code: "internal", message: "The folder may not be written." });
    await open();
    await settle();
    await userEvent.click(screen.getByTestId("confirm-delete"));
    await settle();
    expect(within(screen.getByTestId("delete-dialog")).getByRole("alert")).toHaveTextContent(
      "may not be written",
    );
    expect(screen.getAllByTestId("library-entry")).toHaveLength(1);
  });
});

test("a missing file says so and cannot be chatted with", async () => {
  await openPage([entry({ ...llama, missing: true }, { verdict: verdict() })]);
  expect(item("llama")).toHaveTextContent("The file is gone from its folder.");
  expect(screen.getByRole("button", { name: "Chat with Llama 3.2 3B" })).toBeDisabled();
});

test("a file can be imported where it lies", async () => {
  await openPage([entry(bard)]);
  fake.pickModel.mockResolvedValue(llama);
  fake.library.mockResolvedValue([entry(bard), entry(llama)]);
  await userEvent.click(screen.getByTestId("import-file"));
  await settle();
  expect(item("llama")).toBeVisible();
  expect(fake.loadModel).not.toHaveBeenCalled();
});

describe("models of other apps", () => {
  test("are used where they lie", async () => {
    await openPage([entry(bard)], [ollama]);
    expect(screen.getByTestId("found-model")).toHaveTextContent("Ollama · 9.05 GB · sha256-667b");
    fake.useFoundModel.mockResolvedValue({ ...llama, name: "phi4" });
    fake.library.mockResolvedValue([entry(bard), entry(llama)]);
    await userEvent.click(screen.getByRole("button", { name: "Use phi4 here" }));
    await settle();
    expect(fake.useFoundModel).toHaveBeenCalledExactlyOnceWith("o");
    expect(screen.queryByTestId("found-model")).toBeNull();
    expect(item("llama")).toBeVisible();
    expect(screen.getByText("phi4 is in your library. Nothing was copied.")).toBeVisible();
  });

  test("that cannot be used say why and stay in the list", async () => {
    await openPage([entry(bard)], [ollama]);
    fake.useFoundModel.mockRejectedValue({ code: "engineCannot", message: "The engine cannot run phi4." });
    await userEvent.click(screen.getByRole("button", { name: "Use phi4 here" }));
    await settle();
    expect(screen.getByRole("alert")).toHaveTextContent("The engine cannot run phi4.");
    expect(screen.getByTestId("found-model")).toBeInTheDocument();
  });

  test("that are none are said to be none", async () => {
    await openPage([entry(bard)]);
    expect(screen.getByTestId("library-page")).toHaveTextContent("None that Hearth does not use already");
  });
});

test("an empty library leads to models", async () => {
  fake.searchHub.mockResolvedValue({ models: [], next: null, cachedAt: null });
  await openPage([]);
  await userEvent.click(screen.getByRole("button", { name: "Find a model" }));
  expect(screen.getByTestId("discover-page")).toBeVisible();
});

test("a library that cannot be read says why and can be tried again", async () => {
  fake.library.mockRejectedValue({ code: "internal", message: "The list could not be read." });
  await openWindow();
  await userEvent.click(screen.getByTestId("place-library"));
  await settle();
  expect(within(screen.getByTestId("library-page")).getByRole("alert")).toHaveTextContent(
    "could not be read",
  );
  fake.library.mockResolvedValue([entry(llama)]);
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await settle();
  expect(item("llama")).toBeVisible();
});
