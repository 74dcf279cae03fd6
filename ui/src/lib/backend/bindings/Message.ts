import type { MessageRole } from "./MessageRole";
import type { MessageStatus } from "./MessageStatus";
import type { ReplyStats } from "./ReplyStats";

export type Message = { id: string, chatId: string, parentId: string | null, role: MessageRole, status: MessageStatus, content: string, error: string | null, model: string | null, stats: ReplyStats | null, siblings: Array<string>, createdAt: number, };
