import type { Chat } from "./Chat";
import type { Message } from "./Message";

export type Turn = { chat: Chat, user: Message, reply: Message, };
