import type { ErrorReport } from "./ErrorReport";
import type { Model } from "./Model";

export type EngineState = { "state": "noModel" } | { "state": "loading", model: Model, fraction: number, } | { "state": "ready", model: Model, context: number, backend: string, } | { "state": "answering", model: Model, context: number, backend: string, chatId: string, messageId: string, tokensPerSecond: number | null, } | { "state": "asleep", model: Model, } | { "state": "failed", model: Model | null, error: ErrorReport, };
