import type { ErrorCode } from "./backend/bindings/ErrorCode";
import type { ErrorReport } from "./backend/bindings/ErrorReport";

/** What a rejected command carries. Anything that is not an `ErrorReport` is a fault of the window itself. */
export function asReport(reason: unknown): ErrorReport {
  if (typeof reason === "object" && reason !== null && "code" in reason && "message" in reason) {
    return reason as ErrorReport;
  }
  const code: ErrorCode = "internal";
  return { code, message: reason instanceof Error ? reason.message : String(reason) };
}
