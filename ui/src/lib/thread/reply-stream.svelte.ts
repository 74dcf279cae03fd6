/** A piece of a reply: `offset` is the UTF-16 length of what came before it. */
export type Piece = { offset: number; text: string };

/**
 * The text of one reply as it arrives. Pieces may come twice or leave a gap; `text` never shows either.
 * It changes at most once per frame, however many pieces a frame brings.
 */
export class ReplyStream {
  text = $state("");
  private received: string;
  private ahead: Piece[] = [];
  private frame = 0;

  constructor(
    readonly messageId: string,
    content: string,
  ) {
    this.received = content;
    this.text = content;
  }

  /** False when pieces before this one are missing: the caller fetches the text and calls `catchUp`. */
  take(piece: Piece): boolean {
    if (piece.offset > this.received.length) {
      this.ahead.push(piece);
      return false;
    }
    this.append(piece);
    return true;
  }

  /** Goes on from a stored text, which may be older or newer than what has arrived. False while a gap remains. */
  catchUp(content: string): boolean {
    if (content.length > this.received.length) {
      this.received = content;
      this.draw();
    }
    const waiting = this.ahead.sort((a, b) => a.offset - b.offset);
    this.ahead = [];
    for (const piece of waiting) this.take(piece);
    return this.ahead.length === 0;
  }

  end(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  private append({ offset, text }: Piece): void {
    const fresh = text.slice(this.received.length - offset);
    if (fresh === "") return;
    this.received += fresh;
    this.draw();
  }

  private draw(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.text = this.received;
    });
  }
}
