import type { Reason } from "../backend/bindings/Reason";
import { pages, tokens } from "../figures/figures";

/** Why a model does not run here, or not with all of its context. */
export function reasonWords(reason: Reason): string {
  switch (reason.kind) {
    case "architecture":
      return `Hearth’s engine cannot run models of the kind “${reason.architecture}” yet`;
    case "tensorType":
      return `Its number format ${reason.tensorType} cannot be read. Another version of it, such as Q4_K_M, can`;
    case "noChatTemplate":
      return "It was not made for chats: it goes on with a text. One whose name ends in Instruct or Chat answers";
    case "missing":
      return `The file has no ${reason.what}, which the engine needs. Take another file of the same model`;
    case "misfit":
      return `The engine would not run it rightly: ${reason.detail}`;
    case "contextLimited":
      return `Beyond ${tokens(reason.reliable)}, ${pages(reason.reliable)}, its answers would get worse: Hearth stops there`;
  }
}
