import type { ErrorCode } from "./ErrorCode";

export type ErrorReport = { code: ErrorCode, message: string, details?: unknown, };
