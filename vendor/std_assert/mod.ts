/**
 * Stand-in for jsr:@std/assert where the JSR registry cannot be reached: the functions that this
 * project uses, with the names, signatures and meaning of the real package, over `node:assert`.
 * Delete the `links` line of deno.json to use the real one; nothing else changes.
 */
import assertion, { AssertionError } from "node:assert/strict";

export { AssertionError };

/** Fails unless `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError({ message: msg });
}

/** Fails unless `actual` and `expected` are deeply equal. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  assertion.deepStrictEqual(actual, expected, msg);
}

/** Fails when `actual` and `expected` are deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  assertion.notDeepStrictEqual(actual, expected, msg);
}

/** Fails unless `actual` and `expected` are the same value (`Object.is`). */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  assertion.strictEqual(actual, expected, msg);
}

/** Fails unless `actual` is neither null nor undefined. */
export function assertExists<T>(actual: T, msg?: string): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    throw new AssertionError({
      message: msg ?? `Expected actual: "${actual}" to not be null or undefined.`,
    });
  }
}

/** Fails unless `actual` includes `expected`. */
export function assertStringIncludes(actual: string, expected: string, msg?: string): void {
  if (!actual.includes(expected)) {
    throw new AssertionError({
      message: msg ?? `Expected actual: "${actual}" to contain: "${expected}".`,
    });
  }
}

/** Fails unless `actual` matches `expected`. */
export function assertMatch(actual: string, expected: RegExp, msg?: string): void {
  if (!expected.test(actual)) {
    throw new AssertionError({
      message: msg ?? `Expected actual: "${actual}" to match: "${expected}".`,
    });
  }
}

/** Fails always. */
export function fail(msg?: string): never {
  throw new AssertionError({ message: `Failed assertion${msg ? `: ${msg}` : "."}` });
}

// deno-lint-ignore no-explicit-any
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** Fails unless `fn` throws; returns what was thrown, checked against a class and a part of the message. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  errorClass?: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E {
  try {
    fn();
  } catch (error) {
    return checked(error, errorClass, msgIncludes, msg);
  }
  throw new AssertionError({ message: msg ?? "Expected function to throw." });
}

/** Fails unless `fn` rejects; resolves to the reason, checked against a class and a part of the message. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  errorClass?: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return checked(error, errorClass, msgIncludes, msg);
  }
  throw new AssertionError({ message: msg ?? "Expected function to reject." });
}

function checked<E extends Error>(
  error: unknown,
  errorClass?: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E {
  if (!(error instanceof Error)) {
    throw new AssertionError({ message: msg ?? "A non-Error object was thrown or rejected." });
  }
  if (errorClass && !(error instanceof errorClass)) {
    throw new AssertionError({
      message: msg ??
        `Expected error to be instance of "${errorClass.name}", but was "${error.constructor.name}".`,
    });
  }
  if (msgIncludes && !error.message.includes(msgIncludes)) {
    throw new AssertionError({
      message: msg ??
        `Expected error message to include "${msgIncludes}", but got "${error.message}".`,
    });
  }
  return error as E;
}
