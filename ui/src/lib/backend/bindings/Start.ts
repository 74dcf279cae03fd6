import type { Chat } from "./Chat";
import type { EngineState } from "./EngineState";
import type { ErrorReport } from "./ErrorReport";
import type { Model } from "./Model";
import type { Settings } from "./Settings";

export type Start = { chats: Array<Chat>, models: Array<Model>, engine: EngineState, settings: Settings, storeFault: ErrorReport | null, version: string, };
