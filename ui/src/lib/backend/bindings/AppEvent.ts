import type { Chat } from "./Chat";
import type { EngineState } from "./EngineState";
import type { Message } from "./Message";
import type { Model } from "./Model";

export type AppEvent = { "type": "engine", engine: EngineState, } | { "type": "replyText", chatId: string, messageId: string, offset: number, text: string, } | { "type": "replyDone", chatId: string, message: Message, } | { "type": "chats", chats: Array<Chat>, } | { "type": "models", models: Array<Model>, };
