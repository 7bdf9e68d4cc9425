/**
 * The image's programs: one for each task of deno.json that is a service or a command for a person, with
 * the task's name and permissions. deno.json stays the one place that says them. Run as a program, in the
 * project's folder, it writes them into the folder that it is given.
 */

/** The scripts that belong in the image; the others start a Kafka, a demo or a bench. */
const SCRIPTS = /^src\/(services|audit|commands)\/(?!image\/)/;

/** Downloads nothing, and runs only what the lock file has. */
const OFFLINE = ["--cached-only", "--frozen"];

/**
 * Shell scripts by name.
 *
 * @param tasks those of deno.json
 */
export function launchers(
  tasks: Readonly<Record<string, { readonly command: string }>>,
): Map<string, string> {
  const made = new Map<string, string>();
  for (const [name, { command }] of Object.entries(tasks)) {
    const words = command.split(/\s+/);
    if (!command.startsWith("deno run ") || !SCRIPTS.test(words.at(-1)!)) continue;
    // `exec`: a signal reaches deno itself. Quotes: a path with a star in it is deno's, not the shell's.
    const run = ["deno", "run", ...OFFLINE, ...words.slice(2)].map((word) => `'${word}'`).join(" ");
    const defaults = [
      // In traces it has its task's name.
      `export OTEL_SERVICE_NAME="\${OTEL_SERVICE_NAME:-${name}}"`,
      // In its group the name of its container: process ids are the same in all of them.
      `export MEMBER_NAME="\${MEMBER_NAME:-${name}-$HOSTNAME}"`,
    ];
    made.set(name, ["#!/bin/sh", ...defaults, `exec ${run} "$@"`, ""].join("\n"));
  }
  return made;
}

if (import.meta.main) {
  const [folder] = Deno.args;
  if (folder === undefined) throw new TypeError("expected a folder: launchers.ts FOLDER");
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
  await Deno.mkdir(folder, { recursive: true });
  for (const [name, script] of launchers(tasks)) {
    await Deno.writeTextFile(`${folder}/${name}`, script, { mode: 0o755 });
  }
}
