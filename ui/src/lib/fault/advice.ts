import type { ErrorCode } from "../backend/bindings/ErrorCode";

export type Advice = { title: string; what: string; setAside: boolean; retry: boolean };

/** What to do about a store that cannot be opened. By code: the message is for the person and may change. */
export function adviceFor(code: ErrorCode): Advice {
  switch (code) {
    case "storeCorrupt":
      return {
        title: "Your chats could not be read",
        what: "Hearth can set the damaged file aside and begin a new one. The damaged file is kept beside the new one, so nothing is thrown away and a backup can still be put in its place.",
        setAside: true,
        retry: true,
      };
    case "storeReadOnly":
      return {
        title: "Your chats cannot be written",
        what: "Give your account permission to write to the folder and to the file in it, then try again. Nothing has been changed.",
        setAside: false,
        retry: true,
      };
    case "diskFull":
      return {
        title: "The disk is full",
        what: "Free some space on the disk that holds the folder, then try again. Nothing has been lost.",
        setAside: false,
        retry: true,
      };
    case "storeInUse":
      return {
        title: "Your chats are in use",
        what: "Another program holds the file, perhaps a backup or another Hearth. Close it, then try again.",
        setAside: false,
        retry: true,
      };
    case "storeNewer":
      return {
        title: "Your chats come from a newer Hearth",
        what: "Update Hearth to the newest version and start it again. This version leaves the file as it is, because it would not understand all of it.",
        setAside: false,
        retry: false,
      };
    default:
      return {
        title: "Hearth could not start",
        what: "Try again. If it stays like this, close Hearth and start it anew; your chats are still in the folder.",
        setAside: false,
        retry: true,
      };
  }
}
