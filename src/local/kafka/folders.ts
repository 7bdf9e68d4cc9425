/**
 * A folder that one run has for itself. The claim is a lock that the system takes back when its
 * process ends, however it ends; so a run that was killed leaves nothing that needs tidying by hand.
 */
import { writableFolder } from "../../runtime/folder.ts";
import { Failure } from "../../runtime/errors.ts";
import { dirname } from "node:path";

export interface ClaimedFolder {
  readonly directory: string;
  release(): void;
}

/** Not more runs at once than this on one machine. */
const MAX_FOLDERS = 20;

/**
 * Claims `<parent>/<name>`, or `<name>-2`, `<name>-3` … while others have it. The folder may hold what
 * an earlier run left.
 *
 * @throws {Failure} all are taken, or the parent cannot be written to
 */
export async function claimFolder(parent: string, name: string): Promise<ClaimedFolder> {
  await writableFolder(parent);
  for (let n = 1; n <= MAX_FOLDERS; n++) {
    const directory = `${parent}/${n === 1 ? name : `${name}-${n}`}`;
    const lock = await Deno.open(`${directory}.lock`, { create: true, write: true });
    if (!await lock.tryLock(true)) {
      lock.close();
      continue;
    }
    await Deno.mkdir(directory, { recursive: true });
    return { directory, release: () => lock.close() };
  }
  throw new Failure(`${MAX_FOLDERS} runs are going on in ${parent}: stop one of them first`);
}

/**
 * Folders that are made once and kept, such as what was downloaded.
 *
 * Safe when several processes do it at once: each makes a folder of its own and renames it; the first
 * one wins, and what is found under the final name is always complete.
 */

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
