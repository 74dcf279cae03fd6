import type { StopReason } from "./StopReason";

export type ReplyStats = { promptTokens: number, replyTokens: number, promptTokensPerSecond: number, tokensPerSecond: number, stop: StopReason, };
