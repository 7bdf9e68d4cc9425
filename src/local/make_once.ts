/**
 * Folders that are made once and kept, such as what was downloaded.
 *
 * Safe when several processes do it at once: each makes a folder of its own and renames it; the first
 * one wins, and what is found under the final name is always complete.
 */
import { dirname } from "node:path";
import { writableFolder } from "../runtime/folder.ts";

/**
 * Returns when `directory` is there, by whomever it was made.
 *
 * @param what it is for, should its parent not be writable; for people
 * @param make fills an empty folder
 * @throws what `make` throws, after the folder was removed
 */
export async function makeOnce(
  directory: string,
  what: string,
  make: (temporary: string) => Promise<void>,
): Promise<void> {
  if (await exists(directory)) return;
  await writableFolder(dirname(directory), what);
  const temporary = `${directory}.${crypto.randomUUID()}`;
  await Deno.mkdir(temporary);
  try {
    await make(temporary);
    await Deno.rename(temporary, directory);
  } catch (error) {
    // Another process may have been first: then its folder is as good as ours.
    if (!await exists(directory)) throw error;
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
  }
}

/** Tells one content of a file from another: for the name of what is made from it. */
export async function digestOf(file: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(file));
  return new Uint8Array(digest).toHex().slice(0, 8);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
