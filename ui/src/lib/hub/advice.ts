import type { ErrorCode } from "../backend/bindings/ErrorCode";

/** What a person can press when the Hub, or a download from it, has failed. */
export type Advice = {
  /** A sentence beyond the error's own. */
  help: string | null;
  /** Trying again may help, under this name. */
  retry: string | null;
  /** A token may help. */
  token: boolean;
  /** The model's page on the Hub must be seen first. */
  page: boolean;
};

const RETRY: Advice = { help: null, retry: "Try again", token: false, page: false };

/** By code: the message is for the person and may change. */
export function hubAdvice(code: ErrorCode): Advice {
  switch (code) {
    case "offline":
      return { ...RETRY, help: "Models that are on this computer work without a network." };
    case "rateLimited":
      return { ...RETRY, help: "With a token of your own the Hub allows more." };
    case "notJson":
      return {
        ...RETRY,
        help: "A hotel’s or a train’s sign-in page answers like this. Sign in to the network first.",
      };
    case "clockOff":
      return { ...RETRY, help: "Set this computer’s date and time, then try again." };
    case "downloadDamaged":
      return { ...RETRY, retry: "Download again" };
    case "diskFull":
      return { ...RETRY, help: "What has arrived is kept. Free some space, then go on.", retry: "Go on" };
    case "folderGone":
      return { ...RETRY, help: "Connect the disk again or put the folder back, then go on.", retry: "Go on" };
    case "needsToken":
    case "tokenWrong":
      return { help: null, retry: null, token: true, page: false };
    case "gated":
      return { help: null, retry: "I have accepted, try again", token: true, page: true };
    case "repoGone":
    case "notFound":
    case "engineCannot":
      return { help: null, retry: null, token: false, page: false };
    default:
      return RETRY;
  }
}
