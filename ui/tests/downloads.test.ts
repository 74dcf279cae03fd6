import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { describe, expect, test } from "vitest";
import type { Download } from "../src/lib/backend/bindings/Download";
import type { ErrorCode } from "../src/lib/backend/bindings/ErrorCode";
import { progressWords } from "../src/lib/downloads/words";
import { REPO, download, entry } from "./models";
import { emit, fake, llama, openWindow, settle, startOf } from "./world";

const ids = () => screen.queryAllByTestId("download").map((item) => item.getAttribute("data-download-id"));
const item = (id: string) => {
  const found = screen
    .getAllByTestId("download")
    .find((element) => element.getAttribute("data-download-id") === id);
  if (!found) throw new Error(`no download ${id}`);
  return found;
};

async function openPage(downloads: Download[], settings = startOf().settings) {
  fake.listDownloads.mockResolvedValue(downloads);
  await openWindow({ settings });
  await userEvent.click(screen.getByTestId("place-downloads"));
  await settle();
}

const running = download("1", {
  state: "running",
  doneBytes: 1e9,
  totalBytes: 4e9,
  bytesPerSecond: 12.3e6,
  secondsLeft: 244,
});

test.each<[Partial<Download>, string]>([
  [running, "1.00 GB of 4.00 GB, 12 MB a second, about 4 minutes left"],
  [{ ...running, bytesPerSecond: null, secondsLeft: null }, "1.00 GB of 4.00 GB"],
  [{ ...running, doneBytes: 4e9 }, "4.00 GB, being checked"],
  [{ state: "queued" }, "Waiting its turn, 4.00 GB"],
  [{ state: "queued", doneBytes: 1e9 }, "Waiting its turn, 1.00 GB of 4.00 GB here"],
  [{ state: "paused", doneBytes: 1e9 }, "Paused, 1.00 GB of 4.00 GB here"],
  [{ state: "failed", doneBytes: 1e9 }, "Stopped, 1.00 GB of 4.00 GB here"],
  [{ state: "done", doneBytes: 4e9 }, "4.00 GB"],
])("%j reads “%s”", (more, words) => expect(progressWords(download("1", more))).toBe(words));

test("one that runs shows how far it is, and goes on showing it", async () => {
  await openPage([running]);
  const bar = () => screen.getByRole("progressbar", { name: "Model 1" });
  expect(bar()).toHaveAttribute("aria-valuenow", "25");
  await emit({ type: "downloads", downloads: [{ ...running, doneBytes: 3e9 }] });
  expect(bar()).toHaveAttribute("aria-valuenow", "75");
});

test("pause and go on are one button, which keeps the focus", async () => {
  await openPage([running]);
  fake.pauseDownload.mockResolvedValue();
  fake.resumeDownload.mockResolvedValue();
  await userEvent.click(screen.getByRole("button", { name: "Pause Model 1" }));
  await settle();
  expect(fake.pauseDownload).toHaveBeenCalledExactlyOnceWith("1");
  expect(screen.getByRole("button", { name: "Go on with Model 1" })).toHaveFocus();
  expect(item("1")).toHaveTextContent("Paused");
  await userEvent.keyboard("{Enter}");
  await settle();
  expect(fake.resumeDownload).toHaveBeenCalledExactlyOnceWith("1");
  expect(item("1")).toHaveTextContent("Waiting its turn");
});

test("a command that is refused says why beside its download", async () => {
  await openPage([running]);
  fake.pauseDownload.mockRejectedValue({ code: "internal", message: "It could not be paused." });
  await userEvent.click(screen.getByRole("button", { name: "Pause Model 1" }));
  await settle();
  expect(within(item("1")).getByRole("alert")).toHaveTextContent("It could not be paused.");
});

describe("cancelling", () => {
  test("asks first when something has arrived", async () => {
    await openPage([running]);
    fake.cancelDownload.mockResolvedValue();
    await userEvent.click(screen.getByRole("button", { name: "Cancel Model 1" }));
    expect(item("1")).toHaveTextContent("Cancel, and delete the 1.00 GB that have arrived?");
    expect(screen.getByRole("button", { name: "Keep it" })).toHaveFocus();
    await userEvent.keyboard("{Enter}");
    expect(fake.cancelDownload).not.toHaveBeenCalled();
    expect(screen.getByRole("button", { name: "Cancel Model 1" })).toHaveFocus();
    await userEvent.keyboard("{Enter}");
    await userEvent.click(screen.getByRole("button", { name: "Cancel and delete" }));
    await settle();
    expect(fake.cancelDownload).toHaveBeenCalledExactlyOnceWith("1");
    expect(screen.getByText("Nothing is being downloaded.")).toBeVisible();
  });

  test("does not ask when nothing has", async () => {
    await openPage([download("1")]);
    fake.cancelDownload.mockResolvedValue();
    await userEvent.click(screen.getByRole("button", { name: "Cancel Model 1" }));
    expect(fake.cancelDownload).toHaveBeenCalledExactlyOnceWith("1");
  });
});

describe("the order", () => {
  const three = [download("1"), download("2"), download("3")];

  test("changes by buttons, which keep the focus, and is told", async () => {
    await openPage(three);
    fake.moveDownload.mockResolvedValue();
    await userEvent.click(screen.getByRole("button", { name: "Move Model 3 up" }));
    await settle();
    expect(ids()).toEqual(["1", "3", "2"]);
    expect(fake.moveDownload).toHaveBeenLastCalledWith("3", "2");
    expect(screen.getByRole("button", { name: "Move Model 3 up" })).toHaveFocus();
    expect(screen.getByText("Model 3 is number 2 of 3")).toBeInTheDocument();
    await userEvent.click(screen.getByRole("button", { name: "Move Model 1 down" }));
    await settle();
    expect(ids()).toEqual(["3", "1", "2"]);
    expect(fake.moveDownload).toHaveBeenLastCalledWith("1", "2");
    await userEvent.click(screen.getByRole("button", { name: "Move Model 1 down" }));
    await settle();
    expect(ids()).toEqual(["3", "2", "1"]);
    expect(fake.moveDownload).toHaveBeenLastCalledWith("1", null);
  });

  test("changes by keys", async () => {
    await openPage(three);
    fake.moveDownload.mockResolvedValue();
    screen.getByRole("button", { name: "Cancel Model 2" }).focus();
    await userEvent.keyboard("{Alt>}{ArrowDown}{/Alt}");
    await settle();
    expect(ids()).toEqual(["1", "3", "2"]);
    expect(fake.moveDownload).toHaveBeenCalledExactlyOnceWith("2", null);
  });

  test("stays at its ends", async () => {
    await openPage(three);
    await userEvent.click(screen.getByRole("button", { name: "Move Model 1 up" }));
    await userEvent.click(screen.getByRole("button", { name: "Move Model 3 down" }));
    expect(ids()).toEqual(["1", "2", "3"]);
    expect(fake.moveDownload).not.toHaveBeenCalled();
  });

  test("is put back when it is refused", async () => {
    await openPage(three);
    fake.moveDownload.mockRejectedValue({ code: "notFound", message: "It is gone." });
    await userEvent.click(screen.getByRole("button", { name: "Move Model 3 up" }));
    await settle();
    expect(ids()).toEqual(["1", "2", "3"]);
  });
});

test.each<[ErrorCode, string, string]>([
  ["offline", "Try again", "work without a network"],
  ["downloadDamaged", "Download again", "This is why."],
  ["diskFull", "Go on", "What has arrived is kept."],
  ["folderGone", "Go on", "Connect the disk again"],
  ["clockOff", "Try again", "date and time"],
])("one that stopped as %s says why and what helps", async (code, button, help) => {
  await openPage([
    download("1", { state: "failed", doneBytes: 1e9, error: { code, message: "This is why." } }),
  ]);
  fake.resumeDownload.mockResolvedValue();
  expect(within(item("1")).getByRole("alert")).toHaveTextContent("This is why.");
  expect(item("1")).toHaveTextContent(help);
  await userEvent.click(within(item("1")).getByRole("button", { name: button }));
  await settle();
  expect(fake.resumeDownload).toHaveBeenCalledExactlyOnceWith("1");
  expect(within(item("1")).queryByRole("alert")).toBeNull();
});

test("one that the makers must allow leads to its page", async () => {
  fake.openRepoPage.mockResolvedValue();
  await openPage([
    download("1", { state: "failed", error: { code: "gated", message: "Accept the terms first." } }),
  ]);
  await userEvent.click(screen.getByRole("button", { name: "Open the model’s page" }));
  expect(fake.openRepoPage).toHaveBeenCalledExactlyOnceWith(REPO);
});

test("what has arrived can be chatted with", async () => {
  fake.library.mockResolvedValue([entry(llama, { repo: REPO })]);
  await openPage([download("1", { state: "done", doneBytes: 4e9 })]);
  expect(screen.getByText("Nothing is being downloaded.")).toBeVisible();
  await userEvent.click(screen.getByRole("button", { name: "Chat with Model 1" }));
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
});

test("what has arrived leaves the list when it is cleared, and what is under way stays", async () => {
  await openPage([running, download("2", { state: "done" }), download("3", { state: "done" })]);
  fake.cancelDownload.mockResolvedValue();
  await userEvent.click(screen.getByRole("button", { name: "Clear the list" }));
  await settle();
  expect(fake.cancelDownload.mock.calls).toEqual([["2"], ["3"]]);
  expect(screen.queryByText("Arrived")).toBeNull();
  expect(ids()).toEqual(["1"]);
});

describe("the speed limit", () => {
  const select = () => screen.getByRole<HTMLSelectElement>("combobox", { name: "Speed limit" });

  test("is saved as it is chosen", async () => {
    await openPage([]);
    fake.setSettings.mockImplementation(async (settings) => settings);
    await userEvent.selectOptions(select(), "5 MB a second");
    expect(fake.setSettings).toHaveBeenLastCalledWith({ ...startOf().settings, bandwidthLimitBytes: 5e6 });
    await userEvent.selectOptions(select(), "As fast as it goes");
    expect(fake.setSettings).toHaveBeenLastCalledWith({ ...startOf().settings, bandwidthLimitBytes: null });
  });

  test("that was set elsewhere is one of the choices", async () => {
    await openPage([], { ...startOf().settings, bandwidthLimitBytes: 3e6 });
    expect(select().selectedOptions[0]).toHaveTextContent("3 MB a second");
  });

  test("is put back when it is refused", async () => {
    await openPage([]);
    fake.setSettings.mockRejectedValue({ code: "diskFull", message: "The disk is full." });
    await userEvent.selectOptions(select(), "5 MB a second");
    await settle();
    expect(select().selectedOptions[0]).toHaveTextContent("As fast as it goes");
    expect(screen.getByRole("alert")).toHaveTextContent("The disk is full.");
  });
});
