import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { computer, download, entry, suggestion, tooBig } from "./models";
import { bard, emit, fake, llama, openWindow, settle } from "./world";

const first = { chats: [], models: [bard], engine: { state: "noModel" } } as const;

async function begin() {
  await openWindow({ ...first, chats: [], models: [bard] });
  await settle();
}

test("it leads from this computer over three models that fit to a chat", async () => {
  fake.suggestions.mockResolvedValue([
    suggestion("A"),
    suggestion("Giant", { verdict: tooBig }),
    suggestion("B"),
    suggestion("C"),
    suggestion("D"),
  ]);
  await begin();
  expect(screen.getByTestId("first-computer")).toHaveTextContent(
    "Runs models up to about 8 billion parameters, about 12 words a second.",
  );
  const models = within(screen.getByTestId("first-models"));
  expect(models.getAllByTestId("suggestion")).toHaveLength(3);

  const mine = { repo: "makers/B-GGUF", variant: "Q4_K_M" };
  fake.downloadVariant.mockResolvedValue(download("1", mine));
  await userEvent.click(models.getByRole("button", { name: "Download B, 2.50 GB" }));
  await settle();
  expect(models.getByRole("progressbar", { name: "Downloading B" })).toBeInTheDocument();

  fake.library.mockResolvedValue([entry(bard), entry(llama, mine)]);
  await emit({ type: "downloads", downloads: [download("1", { ...mine, state: "done", doneBytes: 4e9 })] });
  await settle();
  await userEvent.click(models.getByRole("button", { name: "Chat with B" }));
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("llama");
  await emit({ type: "engine", engine: { state: "loading", model: llama, fraction: 0, after: null } });
  expect(screen.getByTestId("composer-input")).toHaveFocus();
});

test("a download that is done before it is known to have begun leads to a chat too", async () => {
  fake.suggestions.mockResolvedValue([suggestion("A")]);
  await begin();
  const mine = { repo: "makers/A-GGUF", variant: "Q4_K_M" };
  fake.library.mockResolvedValue([entry(bard), entry(llama, mine)]);
  fake.downloadVariant.mockImplementation(async () => {
    await emit({ type: "downloads", downloads: [download("1", { ...mine, state: "done", doneBytes: 4e9 })] });
    return download("1", mine);
  });
  await userEvent.click(screen.getByRole("button", { name: "Download A, 2.50 GB" }));
  await settle();
  expect(screen.getByRole("button", { name: "Chat with A" })).toBeInTheDocument();
});

test("a computer not measured yet can be measured there", async () => {
  fake.thisComputer.mockResolvedValue(
    computer({ speeds: null, runsWell: { billions: 8, tokensPerSecond: null } }),
  );
  fake.measureComputer.mockResolvedValue(computer());
  await begin();
  expect(screen.getByTestId("first-computer")).toHaveTextContent("How fast is not measured yet.");
  await userEvent.click(screen.getByTestId("measure"));
  await settle();
  expect(screen.getByTestId("first-computer")).toHaveTextContent("about 12 words a second");
  expect(fake.suggestions, "the verdicts are asked for anew").toHaveBeenCalledTimes(2);
});

test("without a network, what is here can still be used", async () => {
  fake.suggestions.mockRejectedValue({ code: "offline", message: "The Hub could not be reached." });
  await begin();
  expect(screen.getByTestId("hub-trouble")).toHaveTextContent("The Hub could not be reached.");
  await userEvent.click(screen.getByRole("button", { name: "Try the built-in Bard" }));
  expect(fake.loadModel).toHaveBeenCalledExactlyOnceWith("bard");
});

test("a suggestion leads to its repository, and the way on to all others", async () => {
  fake.suggestions.mockResolvedValue([suggestion("A")]);
  fake.searchHub.mockResolvedValue({ models: [], next: null, cachedAt: null });
  fake.openRepo.mockRejectedValue({ code: "offline", message: "The Hub could not be reached." });
  await begin();
  await userEvent.click(screen.getByRole("button", { name: "A" }));
  await settle();
  expect(fake.openRepo).toHaveBeenCalledExactlyOnceWith("makers/A-GGUF");
  expect(screen.getByTestId("repo")).toHaveAttribute("data-repo", "makers/A-GGUF");
});

test("someone who has models is not led again", async () => {
  await openWindow({ chats: [], engine: { state: "noModel" } });
  expect(screen.queryByTestId("first-computer")).toBeNull();
  expect(fake.suggestions).not.toHaveBeenCalled();
});
