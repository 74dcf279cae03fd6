export type MessageStatus = "streaming" | "complete" | "stopped" | "interrupted" | "error";
