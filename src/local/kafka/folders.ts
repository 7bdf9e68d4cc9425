/**
 * Folders that are checked before they are written to, that one run has for itself, and that are made
 * once and shared.
 *
 * A claim is a lock that the system releases when its process ends, however it ends: a killed run leaves
 * nothing to tidy up by hand.
 */
import { dirname, resolve } from "node:path";
import { Failure } from "../../runtime/errors.ts";

/**
 * Makes the folder if it does not exist, and checks that it can be written to.
 *
 * @param name the setting that names it, or what it is for
 * @throws {Failure} it cannot be written to; the message names it and the way out
 */
export async function writableFolder(path: string, name = "DATA_DIR"): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: path, prefix: ".writable-" }));
  } catch (error) {
    const reason = (error as Error).message.replace(/:.*/s, "");
    throw new Failure(
      `the folder ${resolve(path)} (${name}) cannot be written to: ${reason}; ` +
        "make it this user's, or use a checkout of your own",
      { cause: error },
    );
  }
}

export interface ClaimedFolder {
  readonly directory: string;
  release(): void;
}

/** The most runs at once in one parent folder. */
const MAX_FOLDERS = 20;

/**
 * Claims `<parent>/<name>`, or `<name>-2`, `<name>-3` … while others have it. The folder may hold files
 * of an earlier run.
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
  throw new Failure(`${parent} is in use by ${MAX_FOLDERS} runs already: stop one of them first`);
}

/**
 * Makes `directory`, such as one for downloads, unless it exists. Several processes may do so at once:
 * each makes a folder of its own and renames it, and the first one wins. What has the final name is
 * always complete.
 *
 * @param what it is for: named in the error when its parent is not writable
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

/** A short digest of a file's content, for the name of what is made from it. */
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
