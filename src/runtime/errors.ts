/** Something that this program depends on does not answer; the same call may succeed later. */
export class RetryableError extends Error {
  override readonly name = "RetryableError";
}

/** A failure that people can do something about: its message says what; no stack trace. */
export class Failure extends Error {
  override readonly name = "Failure";
}

/** What the operating system refuses (a file, a full disk, a port): no bug, and it is named. */
export function isFromSystem(error: unknown): error is Error {
  return error instanceof Error && /^E[A-Z0-9]+$/.test((error as { code?: string }).code ?? "");
}
