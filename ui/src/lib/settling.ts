/** How long typing or dragging must rest before it is acted on, in milliseconds. */
export const REST_MS = 180;

/** Asks once the person rests, and takes only the answer to what was asked last. */
export class Settling {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private turn = 0;

  run<T>(
    ask: () => Promise<T>,
    take: (answer: T) => void,
    refuse: (reason: unknown) => void,
    rest = REST_MS,
  ): void {
    this.drop();
    const turn = this.turn;
    this.timer = setTimeout(() => {
      ask().then(
        (answer) => {
          if (turn === this.turn) take(answer);
        },
        (reason: unknown) => {
          if (turn === this.turn) refuse(reason);
        },
      );
    }, rest);
  }

  /** Forgets what was asked: an answer on its way is not taken. */
  drop(): void {
    clearTimeout(this.timer);
    this.turn += 1;
  }
}
