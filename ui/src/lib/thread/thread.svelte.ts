import * as backend from "../backend/backend";
import type { Chat } from "../backend/bindings/Chat";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import type { Message } from "../backend/bindings/Message";
import { asReport } from "../failure";
import { ReplyStream, type Piece } from "./reply-stream.svelte";

/** Between two attempts to fill a gap, in milliseconds: the store writes a growing reply this often. */
const REOPEN_MS = 250;

/** What came for a reply before the command that began it has answered. */
type Early = { pieces: Piece[]; done: Message | null };

/** The messages of the chat in view, and the reply that is being written into it. */
export class Thread {
  chatId = $state<string | null>(null);
  messages = $state.raw<Message[]>([]);
  /** The reply being written, apart from `messages`, so that a new word does not touch the whole list. */
  live = $state.raw<ReplyStream | null>(null);
  opening = $state(false);
  failure = $state.raw<ErrorReport | null>(null);
  /** A question is on its way to the backend. */
  sending = $state(false);
  /** Counts the replies asked for, so that the view can follow each new one. */
  asked = $state(0);

  private early = new Map<string, Early>();
  private reopenTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly onChat: (chat: Chat) => void) {}

  blank(): void {
    this.reset(null);
  }

  async open(chatId: string): Promise<void> {
    this.reset(chatId);
    this.opening = true;
    try {
      const messages = await backend.openChat(chatId);
      if (this.chatId === chatId) this.adopt(messages);
    } catch (reason) {
      if (this.chatId === chatId) this.failure = asReport(reason);
    } finally {
      if (this.chatId === chatId) this.opening = false;
    }
  }

  /** Rejects when the question was not taken; the thread is then as before. */
  async send(text: string): Promise<void> {
    await this.ask(async () => {
      const chatId = this.chatId ?? (await this.begin());
      const turn = await backend.send(chatId, text);
      this.onChat(turn.chat);
      if (this.chatId === chatId) this.extend(this.messages.length, [turn.user, turn.reply]);
    });
  }

  async regenerate(replyId: string): Promise<void> {
    await this.ask(async () => {
      const reply = await backend.regenerate(replyId);
      this.extend(this.indexOf(replyId), [reply]);
    });
  }

  async editAndResend(messageId: string, text: string): Promise<void> {
    await this.ask(async () => {
      const turn = await backend.editAndResend(messageId, text);
      this.onChat(turn.chat);
      this.extend(this.indexOf(messageId), [turn.user, turn.reply]);
    });
  }

  async chooseBranch(messageId: string): Promise<void> {
    const { chatId } = this;
    const messages = await backend.chooseBranch(messageId);
    if (this.chatId === chatId) this.adopt(messages);
  }

  async stop(): Promise<void> {
    if (this.live) await backend.stop(this.live.messageId);
  }

  takeText(chatId: string, messageId: string, piece: Piece): void {
    if (chatId !== this.chatId) return;
    if (this.live?.messageId === messageId) {
      if (!this.live.take(piece)) this.reopenSoon();
    } else if (this.indexOf(messageId) < 0) {
      this.earlyFor(messageId).pieces.push(piece);
    }
  }

  takeDone(chatId: string, message: Message): void {
    if (chatId !== this.chatId) return;
    const index = this.indexOf(message.id);
    if (index < 0) this.earlyFor(message.id).done = message;
    else this.messages = this.messages.map((known) => (known.id === message.id ? message : known));
    if (this.live?.messageId === message.id) this.endLive();
  }

  private async begin(): Promise<string> {
    const chat = await backend.createChat();
    // Unless the person has opened another chat meanwhile.
    if (this.chatId === null) this.chatId = chat.id;
    this.onChat(chat);
    return chat.id;
  }

  private async ask(command: () => Promise<void>): Promise<void> {
    this.sending = true;
    try {
      await command();
      this.asked += 1;
    } finally {
      this.sending = false;
    }
  }

  /** Puts `added` at `index` and drops what stood there and after: it belongs to another branch now. */
  private extend(index: number, added: Message[]): void {
    // The person has gone to another chat meanwhile.
    if (index < 0) return;
    this.adopt([...this.messages.slice(0, index), ...added]);
  }

  private adopt(messages: Message[]): void {
    this.failure = null;
    this.messages = messages.map((message) => this.early.get(message.id)?.done ?? message);
    const writing = this.messages.find((message) => message.status === "streaming");
    if (writing && this.live?.messageId !== writing.id) {
      this.endLive();
      this.live = new ReplyStream(writing.id, writing.content);
      for (const piece of this.early.get(writing.id)?.pieces ?? []) this.live.take(piece);
    }
    if (!writing) this.endLive();
    this.early.clear();
    if (writing && this.live && !this.live.catchUp(writing.content)) this.reopenSoon();
  }

  private reopenSoon(): void {
    this.reopenTimer ??= setTimeout(() => {
      this.reopenTimer = null;
      void this.reopen();
    }, REOPEN_MS);
  }

  private async reopen(): Promise<void> {
    const { chatId } = this;
    if (chatId === null) return;
    try {
      const messages = await backend.openChat(chatId);
      if (this.chatId === chatId) this.adopt(messages);
    } catch (reason) {
      if (this.chatId === chatId) this.failure = asReport(reason);
    }
  }

  private reset(chatId: string | null): void {
    if (this.reopenTimer) clearTimeout(this.reopenTimer);
    this.reopenTimer = null;
    this.endLive();
    this.early.clear();
    this.chatId = chatId;
    this.messages = [];
    this.failure = null;
    this.opening = false;
  }

  private endLive(): void {
    this.live?.end();
    this.live = null;
  }

  private indexOf(messageId: string): number {
    return this.messages.findIndex((message) => message.id === messageId);
  }

  private earlyFor(messageId: string): Early {
    let early = this.early.get(messageId);
    if (!early) this.early.set(messageId, (early = { pieces: [], done: null }));
    return early;
  }
}
