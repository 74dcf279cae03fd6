// The one door to the Rust side. No other file of the UI imports Tauri.
import { Channel, invoke } from "@tauri-apps/api/core";
import type { AppEvent } from "./bindings/AppEvent";
import type { Chat } from "./bindings/Chat";
import type { Message } from "./bindings/Message";
import type { Model } from "./bindings/Model";
import type { Settings } from "./bindings/Settings";
import type { Start } from "./bindings/Start";
import type { Turn } from "./bindings/Turn";

export const start = () => invoke<Start>("start");
export const retryStore = () => invoke<Start>("retry_store");
/** Keeps the damaged database beside a fresh one. */
export const setAsideStore = () => invoke<Start>("set_aside_store");
export const openDataFolder = () => invoke<void>("open_data_folder");

/** Resolves once the shell has the channel; from then on `onEvent` is called in order. */
export function subscribe(onEvent: (event: AppEvent) => void): Promise<void> {
  const channel = new Channel<AppEvent>();
  channel.onmessage = onEvent;
  return invoke<void>("subscribe", { channel });
}

export const createChat = () => invoke<Chat>("create_chat");
export const renameChat = (id: string, title: string) => invoke<Chat>("rename_chat", { id, title });
export const deleteChat = (id: string) => invoke<void>("delete_chat", { id });
export const restoreChat = (id: string) => invoke<Chat>("restore_chat", { id });
/** The messages of the chat's active branch, oldest first. */
export const openChat = (id: string) => invoke<Message[]>("open_chat", { id });
/** Makes the branch through `messageId` the active one, and returns it. */
export const chooseBranch = (messageId: string) => invoke<Message[]>("choose_branch", { messageId });

export const send = (chatId: string, text: string) => invoke<Turn>("send", { chatId, text });
/** Returns the new, still empty sibling of the reply `messageId`. */
export const regenerate = (messageId: string) => invoke<Message>("regenerate", { messageId });
export const editAndResend = (messageId: string, text: string) =>
  invoke<Turn>("edit_and_resend", { messageId, text });
export const stop = (messageId: string) => invoke<void>("stop", { messageId });

export const listModels = () => invoke<Model[]>("list_models");
/** Opens the system's file dialog; `null` when the person closed it. */
export const pickModel = () => invoke<Model | null>("pick_model");
/** Returns at once; progress and failure arrive as engine events. */
export const loadModel = (id: string) => invoke<void>("load_model", { id });
export const unloadModel = () => invoke<void>("unload_model");
/** Takes a model off the list. The file stays where it is. */
export const forgetModel = (id: string) => invoke<void>("forget_model", { id });

export const setSettings = (settings: Settings) => invoke<Settings>("set_settings", { settings });
/** Opens an address in the system's browser. */
export const openLink = (url: string) => invoke<void>("open_link", { url });
