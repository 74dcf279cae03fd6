// The window's state: one object that the components read and whose methods they call.
import * as backend from "./backend/backend";
import type { AppEvent } from "./backend/bindings/AppEvent";
import type { EngineState } from "./backend/bindings/EngineState";
import type { ErrorReport } from "./backend/bindings/ErrorReport";
import type { Model } from "./backend/bindings/Model";
import type { Settings } from "./backend/bindings/Settings";
import type { Start } from "./backend/bindings/Start";
import { Chats } from "./chats/chats.svelte";
import { Computer } from "./computer/computer.svelte";
import { Discover } from "./discover/discover.svelte";
import { Downloads } from "./downloads/downloads.svelte";
import { onOf } from "./engine/on";
import { asReport } from "./failure";
import { Account } from "./hub/account.svelte";
import { Library } from "./library/library.svelte";
import type { Place } from "./places/places";
import { recall, remember } from "./remembered";
import { notices, report } from "./report";
import { Thread } from "./thread/thread.svelte";

/** A title as it fits into one line of a notice. */
const shorten = (title: string) => (title.length > 40 ? `${title.slice(0, 40).trimEnd()}…` : title);

const LAST_CHAT = "lastChat";

export class Hearth {
  /** Until the backend has answered, neither `ready` nor `fault` is set. */
  ready = $state(false);
  fault = $state.raw<ErrorReport | null>(null);
  /** A button of the fault page is at work. */
  mending = $state(false);

  version = $state("");
  engine = $state.raw<EngineState>({ state: "noModel" });
  models = $state.raw<Model[]>([]);
  settings = $state.raw<Settings>({
    idleUnloadMinutes: null,
    bandwidthLimitBytes: null,
    context: null,
    threads: null,
    computeOn: { kind: "automatic" },
    think: false,
  });
  /** What the main part of the window shows. */
  place = $state<Place>("chat");
  /** Counts the wishes to write, for the composer to take the focus. */
  composerCalls = $state(0);

  readonly chats = new Chats();
  readonly discover = new Discover();
  // A version that has come or gone may share its files with others.
  readonly library = new Library(() => void this.discover.repo.refresh());
  readonly computer = new Computer(() => {
    this.discover.reprice();
    void this.library.refresh();
  });
  readonly downloads = new Downloads();
  readonly account = new Account();
  readonly thread = new Thread((chat) => {
    this.chats.put(chat);
    this.rememberChat();
  });

  private subscribed = false;

  begin(): Promise<void> {
    return this.startWith(async () => {
      // Before the first answer, so that nothing that happens in between is missed.
      await backend.subscribe((event) => this.take(event));
      this.subscribed = true;
      return backend.start();
    });
  }

  retry(): Promise<void> {
    return this.subscribed ? this.startWith(backend.retryStore) : this.begin();
  }

  setAsideStore(): Promise<void> {
    return this.startWith(backend.setAsideStore);
  }

  select(chatId: string | null): void {
    if (chatId === null) this.thread.blank();
    else if (chatId !== this.thread.chatId) void this.thread.open(chatId);
    this.rememberChat();
  }

  go(place: Place): void {
    this.place = place;
  }

  /** What someone without a model is shown. */
  lookAround(): void {
    this.computer.lookOnce();
    if (this.discover.suggestions === null) void this.discover.suggest();
  }

  openRepo(id: string): void {
    this.go("discover");
    void this.discover.repo.open(id);
  }

  newChat(): void {
    this.select(null);
    this.write();
  }

  /** The person wants to write: the chat is shown, and its composer takes the focus. */
  write(): void {
    this.go("chat");
    this.composerCalls += 1;
  }

  async deleteChat(id: string): Promise<void> {
    const title = this.chats.list.find((chat) => chat.id === id)?.title ?? "";
    const wasOpen = this.thread.chatId === id;
    const next = this.chats.neighbour(id);
    const removed = this.chats.remove(id);
    if (wasOpen) this.select(next);
    try {
      await removed;
    } catch (reason) {
      if (wasOpen) this.select(id);
      report(reason);
      return;
    }
    notices.show(`Deleted “${shorten(title)}”`, {
      action: { label: "Undo", testId: "undo-delete", run: () => void this.restoreChat(id, wasOpen) },
    });
  }

  /** Takes the latest deletion back while it is still offered; false when none is. */
  undo(): boolean {
    const notice = [...notices.list].reverse().find((shown) => shown.action?.testId === "undo-delete");
    if (!notice) return false;
    notices.dismiss(notice.id);
    notice.action?.run();
    return true;
  }

  async refreshModels(): Promise<void> {
    try {
      this.models = await backend.listModels();
    } catch (reason) {
      report(reason);
    }
  }

  async load(model: Model): Promise<void> {
    await backend.loadModel(model.id);
    this.write();
  }

  /** Begins a new chat with a model, which is loaded unless it is in memory. */
  async chatWith(model: Model): Promise<void> {
    const { engine } = this;
    const inMemory =
      (engine.state === "ready" || engine.state === "answering") && engine.model.id === model.id;
    if (!inMemory) await backend.loadModel(model.id);
    this.newChat();
  }

  /** False when the person closed the file dialog. */
  async pickAndLoad(): Promise<boolean> {
    const model = await backend.pickModel();
    if (!model) return false;
    await this.load(model);
    await this.refreshModels();
    return true;
  }

  async changeSettings(settings: Settings): Promise<void> {
    const before = this.settings;
    this.settings = settings;
    try {
      this.settings = await backend.setSettings(settings);
      // What a model would run on may be another thing now, and with it every verdict.
      if (before.computeOn !== settings.computeOn) void this.computer.look();
    } catch (reason) {
      this.settings = before;
      throw reason;
    }
  }

  private async restoreChat(id: string, open: boolean): Promise<void> {
    try {
      await this.chats.restore(id);
      if (open) this.select(id);
    } catch (reason) {
      report(reason);
    }
  }

  private async startWith(command: () => Promise<Start>): Promise<void> {
    this.mending = true;
    try {
      this.adopt(await command());
    } catch (reason) {
      this.fault = asReport(reason);
    } finally {
      this.mending = false;
    }
  }

  private adopt(start: Start): void {
    this.version = start.version;
    this.engine = start.engine;
    this.models = start.models;
    this.settings = start.settings;
    this.chats.replace(start.chats);
    this.fault = start.storeFault;
    this.ready = start.storeFault === null;
    if (!this.ready) return;
    this.select(this.chatToOpen());
    void this.downloads.refresh();
    void this.library.refresh();
    void this.account.refresh();
  }

  private chatToOpen(): string | null {
    const last = recall(LAST_CHAT);
    const known = this.chats.list.find((chat) => chat.id === last) ?? this.chats.list[0];
    return known?.id ?? null;
  }

  private rememberChat(): void {
    // The webview writes its storage late: "no chat" told last could outlive the chat that was begun after it.
    if (this.thread.chatId) remember(LAST_CHAT, this.thread.chatId);
  }

  /** Why a model is not on the graphics card is said once for each load. */
  private tellOfCard(engine: EngineState): void {
    const notice = onOf(engine)?.notice;
    if (notice && onOf(this.engine) === null) notices.show(notice);
  }

  private take(event: AppEvent): void {
    switch (event.type) {
      case "engine":
        this.tellOfCard(event.engine);
        this.engine = event.engine;
        break;
      case "models":
        this.models = event.models;
        break;
      case "chats":
        this.chats.replace(event.chats);
        break;
      case "computer":
        this.computer.take(event.computer);
        break;
      case "downloads":
        if (this.downloads.replace(event.downloads)) void this.library.refresh();
        break;
      case "library":
        this.library.replace(event.entries);
        break;
      case "replyText":
        this.thread.takeText(event.chatId, event.messageId, { offset: event.offset, text: event.text });
        break;
      case "replyDone":
        this.thread.takeDone(event.chatId, event.message);
        break;
    }
  }
}
