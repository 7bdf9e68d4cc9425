/**
 * Programs that tests need, from npm, for systems that have none: fetched when first needed, once.
 *
 * Each has a Deno project of its own in deploy/local, whose `deno.json` names the package and whose
 * `deno.lock` pins it (`deno install --lockfile-only` there renews it): in ours they would be fetched
 * for everybody who runs the demo or builds the image. npm's own configuration says where packages
 * come from; Deno's cache keeps them.
 */
import { join, resolve } from "node:path";
import process from "node:process";
import { lastLines } from "../local/kafka/shell.ts";
import { digestOf, makeOnce } from "../local/kafka/folders.ts";
import { Failure } from "../runtime/errors.ts";

const PROJECT = resolve(import.meta.dirname!, "../..");

/** This system as npm's packages name it, such as `linux-x64`. */
export const PLATFORM = `${process.platform}-${process.arch}`;

/** Whether to take npm's programs even where the system has its own: `TEST_PROGRAMS=npm`. */
export const ONLY_NPM = Deno.env.get("TEST_PROGRAMS") === "npm";

/**
 * @param name the project in deploy/local
 * @param unpack makes of the project, with its `node_modules`, what is to be kept
 * @returns the folder, complete, under `.data`
 * @throws {Failure} it cannot be had: why, and what else would do
 */
export async function npmProgram(
  name: "postgresql" | "chromium" | "axe",
  unpack: (folder: string) => Promise<void>,
): Promise<string> {
  const project = join(PROJECT, "deploy/local", name);
  const digest = await digestOf(join(project, "deno.lock"));
  const directory = join(PROJECT, `.data/testing/${name}-${digest}`);
  await makeOnce(directory, "for a program from npm", async (temporary) => {
    console.error(`fetching ${name} for tests from npm, once`);
    for (const file of ["deno.json", "deno.lock"]) {
      await Deno.copyFile(join(project, file), join(temporary, file));
    }
    await deno(["install", "--quiet", "--frozen"], temporary);
    await unpack(temporary);
    await Deno.remove(join(temporary, "node_modules"), { recursive: true });
  }).catch((error) => {
    throw new Failure(
      `this system has no ${name}, and npm's cannot be had (install one, or try again): ` +
        error.message,
    );
  });
  return directory;
}

/**
 * Runs Deno in a folder with its own `deno.json`.
 *
 * @throws {Failure} with its last words
 */
export async function deno(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  throw new Failure(`deno ${args[0]} failed: ${lastLines(new TextDecoder().decode(stderr), 6)}`);
}
