import { screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { fake, openWindow, settle } from "./world";

const input = () => screen.getByTestId<HTMLInputElement>("token-input");

async function openDialog() {
  await openWindow();
  await userEvent.click(screen.getByTestId("settings"));
  await userEvent.click(screen.getByRole("button", { name: "Enter a token…" }));
}

test("the token is hidden while typed, sent once, and stays nowhere in the window", async () => {
  await openDialog();
  expect(input().type).toBe("password");
  expect(screen.getByTestId("token-dialog")).toHaveTextContent(
    "It is kept in this computer’s keychain and nowhere else",
  );
  fake.setHubToken.mockResolvedValue("ada");
  await userEvent.type(input(), " hf_secret ");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  await settle();
  expect(fake.setHubToken).toHaveBeenCalledExactlyOnceWith("hf_secret");
  expect(screen.queryByTestId("token-dialog")).toBeNull();
  expect(document.body.innerHTML).not.toContain("hf_secret");
  expect(JSON.stringify(localStorage)).not.toContain("hf_secret");
  expect(screen.getByTestId("settings-dialog")).toHaveTextContent("Signed in as ada.");
});

test("a wrong token says so, and the field is empty again", async () => {
  await openDialog();
  fake.setHubToken.mockRejectedValue({ code: "tokenWrong", message: "The Hub does not know this token." });
  await userEvent.type(input(), "hf_wrong{Enter}");
  await settle();
  const dialog = screen.getByTestId("token-dialog");
  expect(within(dialog).getByRole("alert")).toHaveTextContent("The Hub does not know this token.");
  expect(input()).toHaveValue("");
});

test("it can be pasted; where the clipboard is refused, the key that pastes is named", async () => {
  const user = userEvent.setup();
  await openDialog();
  const read = vi.spyOn(navigator.clipboard, "readText").mockResolvedValue("hf_pasted\n");
  await user.click(screen.getByRole("button", { name: "Paste" }));
  expect(input()).toHaveValue("hf_pasted");
  expect(input()).toHaveFocus();
  read.mockRejectedValue(new Error("NotAllowed"));
  await user.click(screen.getByRole("button", { name: "Paste" }));
  expect(screen.getByTestId("token-dialog")).toHaveTextContent("Press Ctrl+V to paste.");
});

test("an empty field saves nothing, and Cancel leaves things as they are", async () => {
  await openDialog();
  expect(screen.getByRole("button", { name: "Save" })).toBeDisabled();
  await userEvent.type(input(), "  {Enter}");
  expect(fake.setHubToken).not.toHaveBeenCalled();
  await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
  expect(screen.queryByTestId("token-dialog")).toBeNull();
});

test("a token can be forgotten", async () => {
  fake.hubAccount.mockResolvedValue("ada");
  fake.clearHubToken.mockResolvedValue();
  await openWindow();
  await userEvent.click(screen.getByTestId("settings"));
  expect(screen.getByTestId("settings-dialog")).toHaveTextContent("Signed in as ada.");
  await userEvent.click(screen.getByRole("button", { name: "Forget the token" }));
  await settle();
  expect(fake.clearHubToken).toHaveBeenCalledOnce();
  expect(screen.getByRole("button", { name: "Enter a token…" })).toBeInTheDocument();
});
