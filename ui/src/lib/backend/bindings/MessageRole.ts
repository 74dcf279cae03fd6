export type MessageRole = "system" | "user" | "assistant";
