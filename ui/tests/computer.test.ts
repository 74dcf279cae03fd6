import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import type { ThisComputer } from "../src/lib/backend/bindings/ThisComputer";
import { classMeaning, classWords, gpuWords, memoryWords } from "../src/lib/computer/words";
import { computer, GIB } from "./models";
import { emit, fake, openWindow, settle } from "./world";

const page = () => screen.getByTestId("computer-page");
async function openPage(found: ThisComputer = computer()) {
  fake.thisComputer.mockResolvedValue(found);
  await openWindow();
  await userEvent.click(screen.getByTestId("place-computer"));
  await settle();
}

test("it says what the computer runs and what it has, without engineers’ words", async () => {
  await openPage();
  expect(screen.getByTestId("computer-class")).toHaveTextContent(
    "Runs models up to about 8 billion parameters, about 12 words a second.",
  );
  expect(page()).toHaveTextContent("AMD Ryzen 7 7840U, 8 cores");
  expect(page()).toHaveTextContent("16 GB, 11 GB free now");
  expect(page()).toHaveTextContent("None that models could use. They run on the processor.");
  expect(page()).toHaveTextContent("180 GB free of 512 GB");
  expect(page()).toHaveTextContent("Reads memory at 48.2 GB a second.");
});

test("the numbers are one click away", async () => {
  await openPage();
  const details = page().querySelector("details");
  expect(details).not.toHaveAttribute("open");
  await userEvent.click(screen.getByText("The numbers"));
  expect(details).toHaveAttribute("open");
  expect(within(details!).getByText("AVX-512 with VNNI")).toBeInTheDocument();
  expect(within(details!).getByText("avx2, avx512f, avx512_vnni")).toBeInTheDocument();
});

test("measuring says how long it may take, and ends with the speed", async () => {
  await openPage(computer({ speeds: null, runsWell: { billions: 8, tokensPerSecond: null } }));
  expect(screen.getByTestId("computer-class")).toHaveTextContent("How fast is not measured yet.");
  let done: (found: ThisComputer) => void = () => {};
  fake.measureComputer.mockReturnValue(new Promise((resolve) => (done = resolve)));
  await userEvent.click(screen.getByTestId("measure"));
  expect(screen.getByTestId("measure")).toHaveTextContent("Measuring, up to ten seconds…");
  expect(screen.getByTestId("measure")).toHaveFocus();
  await userEvent.click(screen.getByTestId("measure"));
  expect(fake.measureComputer).toHaveBeenCalledOnce();
  done(computer());
  await settle();
  expect(screen.getByTestId("measure")).toHaveTextContent("Measure again");
  expect(screen.getByTestId("computer-class")).toHaveTextContent("about 12 words a second");
});

test("a measurement that began elsewhere shows, and so does its end", async () => {
  await openPage();
  await emit({ type: "computer", computer: computer({ measuring: true }) });
  expect(screen.getByTestId("measure")).toHaveTextContent("Measuring");
  await emit({ type: "computer", computer: computer({ runsWell: { billions: 14, tokensPerSecond: 8 } }) });
  expect(screen.getByTestId("measure")).toHaveTextContent("Measure again");
  expect(screen.getByTestId("computer-class")).toHaveTextContent("14 billion parameters, about 6 words");
});

test("a measurement that fails says why, and can be tried again", async () => {
  await openPage();
  fake.measureComputer.mockRejectedValue({
    code: "busy",
    message: "A reply is being written. Stop it first.",
  });
  await userEvent.click(screen.getByTestId("measure"));
  await settle();
  expect(within(page()).getByRole("alert")).toHaveTextContent("A reply is being written.");
  expect(screen.getByTestId("measure")).toHaveTextContent("Measure again");
});

test("a computer that cannot be looked at says why", async () => {
  fake.thisComputer.mockRejectedValue({ code: "internal", message: "No processor was told of." });
  await openWindow();
  await userEvent.click(screen.getByTestId("place-computer"));
  await settle();
  expect(within(page()).getByRole("alert")).toHaveTextContent("No processor was told of.");
  fake.thisComputer.mockResolvedValue(computer());
  await userEvent.click(screen.getByRole("button", { name: "Look again" }));
  await settle();
  expect(screen.getByTestId("computer-class")).toBeVisible();
});

test("too little memory says what would help", async () => {
  await openPage(computer({ runsWell: null }));
  expect(screen.getByTestId("computer-class")).toHaveTextContent("Close other programs and look again.");
  await userEvent.click(within(page()).getByRole("button", { name: "Look again" }));
  expect(fake.thisComputer).toHaveBeenCalledTimes(2);
});

test("memory of each kind is told apart", () => {
  const memory = { totalBytes: 16 * GIB, availableBytes: 3 * GIB, limitBytes: null, unified: false };
  expect(memoryWords({ ...memory, unified: true })).toBe("16 GB, 3 GB free now, shared with the graphics");
  expect(memoryWords({ ...memory, limitBytes: 4 * GIB })).toBe(
    "4 GB allowed to this container, 3 GB free now",
  );
  const gpu = { name: "RTX 3060", vendor: "NVIDIA", id: null };
  expect(gpuWords({ ...gpu, memory: { kind: "dedicated", totalBytes: 12 * GIB, freeBytes: null } })).toBe(
    "RTX 3060, 12 GB of its own",
  );
  expect(gpuWords({ ...gpu, memory: { kind: "unified", budgetBytes: 96 * GIB } })).toContain(
    "96 GB of the main",
  );
  expect(gpuWords({ ...gpu, memory: { kind: "unknown" } })).toContain("could not be read");
});

test("each class of model has a meaning of its own", () => {
  const meanings = [1, 3, 8, 70].map((billions) =>
    classMeaning(computer({ runsWell: { billions, tokensPerSecond: 5 } })),
  );
  expect(new Set(meanings).size).toBe(4);
  expect(classWords(computer({ runsWell: { billions: 1.54, tokensPerSecond: 40 } }))).toBe(
    "Runs models up to about 1.5 billion parameters, about 30 words a second.",
  );
});
