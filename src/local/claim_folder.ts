/**
 * A folder that one run has for itself. The claim is a lock that the system takes back when its
 * process ends, however it ends; so a run that was killed leaves nothing that needs tidying by hand.
 */
import { writableFolder } from "../runtime/folder.ts";
import { Failure } from "../runtime/program.ts";

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
