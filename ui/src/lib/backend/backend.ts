// The one door to the Rust side. No other file of the UI imports Tauri.
import { Channel, invoke } from "@tauri-apps/api/core";
import type { AppEvent } from "./bindings/AppEvent";
import type { Chat } from "./bindings/Chat";
import type { DeletePreview } from "./bindings/DeletePreview";
import type { Download } from "./bindings/Download";
import type { DraftSuggestion } from "./bindings/DraftSuggestion";
import type { FoundModel } from "./bindings/FoundModel";
import type { HubPage } from "./bindings/HubPage";
import type { HubQuery } from "./bindings/HubQuery";
import type { LibraryEntry } from "./bindings/LibraryEntry";
import type { Message } from "./bindings/Message";
import type { MeasuredSpeculation } from "./bindings/MeasuredSpeculation";
import type { Model } from "./bindings/Model";
import type { RepoPage } from "./bindings/RepoPage";
import type { Settings } from "./bindings/Settings";
import type { Start } from "./bindings/Start";
import type { Suggestion } from "./bindings/Suggestion";
import type { ThisComputer } from "./bindings/ThisComputer";
import type { Turn } from "./bindings/Turn";
import type { Verdict } from "./bindings/Verdict";

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

export const thisComputer = () => invoke<ThisComputer>("this_computer");
/** Takes up to ten seconds; resolves with what was measured. */
export const measureComputer = () => invoke<ThisComputer>("measure_computer");

/** The curated models that fit this computer, best first. */
export const suggestions = () => invoke<Suggestion[]>("suggestions");
export const searchHub = (query: HubQuery) => invoke<HubPage>("search_hub", { query });
export const openRepo = (repo: string) => invoke<RepoPage>("open_repo", { repo });
/** A small model with the same vocabulary that can draft for the repository's; reads headers, so it takes its time. */
export const suggestDraft = (repo: string) => invoke<DraftSuggestion | null>("suggest_draft", { repo });
/** Opens the repository's page in the system's browser. */
export const openRepoPage = (repo: string) => invoke<void>("open_repo_page", { repo });
/** The verdict on one quantisation at another context, in tokens. */
export const priceVariant = (repo: string, variant: string, context: number) =>
  invoke<Verdict>("price_variant", { repo, variant, context });

/** Queues it. What is already on this computer is used where it lies, and nothing is fetched. */
export const downloadVariant = (repo: string, variant: string) =>
  invoke<Download>("download_variant", { repo, variant });
/** In the order of the queue. */
export const listDownloads = () => invoke<Download[]>("list_downloads");
export const pauseDownload = (id: string) => invoke<void>("pause_download", { id });
/** Goes on with one that is paused, or tries one again that failed. */
export const resumeDownload = (id: string) => invoke<void>("resume_download", { id });
/** Ends it and deletes what has arrived. */
export const cancelDownload = (id: string) => invoke<void>("cancel_download", { id });
/** Puts it before another one, or at the end of the queue. */
export const moveDownload = (id: string, before: string | null) =>
  invoke<void>("move_download", { id, before });

export const library = () => invoke<LibraryEntry[]>("library");
/** Models that other apps hold on this computer, and Hearth does not use yet. */
export const findModels = () => invoke<FoundModel[]>("find_models");
/** Uses a found model where it lies. */
export const useFoundModel = (id: string) => invoke<Model>("use_found_model", { id });
/** The verdict on a model of the library at another context, in tokens. */
export const priceModel = (id: string, context: number) => invoke<Verdict>("price_model", { id, context });
/** What the weights are shortened to while they are read; `null` for the best that fits. */
export const setQuantisation = (id: string, quantisation: string | null) =>
  invoke<void>("set_quantisation", { id, quantisation });
/** Loads the model and keeps it as it lies in memory; done when it is. Progress arrives as library events. */
export const keepQuantised = (id: string) => invoke<void>("keep_quantised", { id });
/** Stops that, or removes the copy. */
export const dropQuantised = (id: string) => invoke<void>("drop_quantised", { id });
/** Whether replies are speculated, and which model drafts. */
export const setSpeculation = (id: string, enabled: boolean, draft: string | null) =>
  invoke<void>("set_speculation", { id, enabled, draft });
/** `null` when it was stopped. */
export const measureSpeculation = (id: string) =>
  invoke<MeasuredSpeculation | null>("measure_speculation", { id });
export const stopMeasuring = () => invoke<void>("stop_measuring");
/** Reads the files and compares their hashes. Progress and outcome arrive as library events. */
export const verifyModel = (id: string) => invoke<void>("verify_model", { id });
export const previewDelete = (id: string) => invoke<DeletePreview>("preview_delete", { id });
export const deleteModel = (id: string) => invoke<void>("delete_model", { id });

/** The name of the account that the token belongs to; `null` without a token. */
export const hubAccount = () => invoke<string | null>("hub_account");
/** Checks the token with the Hub and puts it into the system's keychain; resolves with the account's name. */
export const setHubToken = (token: string) => invoke<string>("set_hub_token", { token });
export const clearHubToken = () => invoke<void>("clear_hub_token");

export const setSettings = (settings: Settings) => invoke<Settings>("set_settings", { settings });
/** Opens an address in the system's browser. */
export const openLink = (url: string) => invoke<void>("open_link", { url });
