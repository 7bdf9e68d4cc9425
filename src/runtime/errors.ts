/** A system that this program depends on does not answer; the same call may succeed later. */
export class RetryableError extends Error {
  override readonly name = "RetryableError";
}

/** A failure that the user can do something about: its message says what; no stack trace. */
export class Failure extends Error {
  override readonly name = "Failure";
}

/** Whether the operating system refused something (a file, a full disk, a port): not a bug. */
export function isFromSystem(error: unknown): error is Error {
  return error instanceof Error && /^E[A-Z0-9]+$/.test((error as { code?: string }).code ?? "");
}
