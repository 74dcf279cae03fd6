// How the engine's state reads. The window shows these words at all times.
import type { EngineState } from "../backend/bindings/EngineState";
import type { ErrorReport } from "../backend/bindings/ErrorReport";
import type { RunsOn } from "../backend/bindings/RunsOn";

const percent = (fraction: number) => `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)} %`;

export const speed = (tokensPerSecond: number) =>
  `${tokensPerSecond.toFixed(tokensPerSecond < 100 ? 1 : 0)} tok/s`;

/** From here on the gain is worth a word, as a multiple of the speed without guesses. */
const WORTH_SAYING = 1.05;

/** The speed of the reply that is being written, and what guessing ahead does for it. */
export function speedNow(tokensPerSecond: number, speedUp: number | null): string {
  const now = speed(tokensPerSecond);
  return speedUp !== null && speedUp >= WORTH_SAYING
    ? `${now} · ${speedUp.toFixed(1)}× by guessing ahead`
    : now;
}

export function engineWords(engine: EngineState): string {
  switch (engine.state) {
    case "noModel":
      return "No model";
    case "loading":
      return `${engine.after ? "Starting again" : "Loading"} ${percent(engine.fraction)}`;
    case "ready":
      return readyWords(engine.on);
    case "answering":
      return engine.tokensPerSecond === null
        ? "Reading your question…"
        : `Answering · ${speedNow(engine.tokensPerSecond, engine.speedUp)}`;
    case "measuring":
      return "Measuring its speed";
    case "asleep":
      return "Asleep — wakes with your next question";
    case "failed":
      return failedWords(engine);
  }
}

/** The processor is only worth a word where it should have been the graphics card. */
function readyWords({ card, notice }: RunsOn): string {
  if (card !== null) return "Ready on the graphics card";
  return notice ? "Ready on the processor" : "Ready";
}

function failedWords(engine: Extract<EngineState, { state: "failed" }>): string {
  switch (engine.error.code) {
    case "engineDied":
      return "Stopped working";
    case "engineMissing":
      return "Engine is missing";
    case "fileMissing":
      return "File is gone";
    default:
      return "Could not load";
  }
}

/** The same without numbers, so that a screen reader hears a change and not every step of it. */
export function spokenWords(engine: EngineState): string {
  if (engine.state === "loading")
    return `${engine.after ? "Starting again" : "Loading"}: ${engine.model.name}`;
  if (engine.state === "answering")
    return engine.tokensPerSecond === null ? engineWords(engine) : "Answering";
  return engineWords(engine);
}

/** What would help in this state: `null` where nothing needs doing. */
export function remedy(engine: EngineState): "choose" | "retry" | null {
  if (engine.state === "noModel") return "choose";
  if (engine.state !== "failed") return null;
  if (!engine.model) return "choose";
  switch (engine.error.code) {
    case "engineDied":
    case "engineMissing":
    case "busy":
    case "diskFull":
    case "internal":
      return "retry";
    default:
      // The file itself is at fault: loading it again would fail again.
      return "choose";
  }
}

/** Why a question cannot be sent now, or `null` when it can. */
export function whyNoSend(engine: EngineState, chatId: string | null): string | null {
  switch (engine.state) {
    case "noModel":
      return "Choose a model to begin.";
    case "loading":
      return `${engine.model.name} is loading.`;
    case "answering":
      return engine.chatId === chatId ? null : "Another chat is being answered.";
    case "measuring":
      return `${engine.model.name} is being measured.`;
    case "failed":
      return engine.model ? null : "Choose a model to begin.";
    default:
      return null;
  }
}

export const modelOf = (engine: EngineState) => (engine.state === "noModel" ? null : engine.model);

/** What went wrong, while it still matters: the engine has failed, or is starting again after it died. */
export function troubleOf(engine: EngineState): ErrorReport | null {
  if (engine.state === "failed") return engine.error;
  return engine.state === "loading" ? engine.after : null;
}
