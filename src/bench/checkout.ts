/** A checkout of orderflow whose pipeline is measured: this one, or an older or newer one. */
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Failure } from "../runtime/errors.ts";
import { lastLines } from "../local/kafka/shell.ts";
import { argumentsOf } from "../local/task.ts";
import { CONSUMERS } from "../topology.ts";

/** What the bench runs of a checkout. */
const TASKS = ["topics", "seed", "simulator", ...CONSUMERS];

/** @throws {Failure} the folder is no checkout of orderflow, or lacks a task */
export function openCheckout(folder: string): URL {
  const checkout = pathToFileURL(`${resolve(folder)}/`);
  try {
    for (const task of TASKS) argumentsOf(task, checkout);
  } catch (error) {
    throw new Failure(`${folder} is no checkout of orderflow: ${(error as Error).message}`);
  }
  return checkout;
}

/** Runs one of its tasks to its end. */
export async function runTask(
  checkout: URL,
  task: string,
  options: { env: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: argumentsOf(task, checkout),
    cwd: checkout,
    stdout: "piped",
    stderr: "piped",
    ...options,
  }).output();
  options.signal.throwIfAborted();
  if (success) return;
  const printed = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  throw new Failure(`${task} of ${fileURLToPath(checkout)} failed:\n${lastLines(printed, 10)}`);
}

/** The commit, `-dirty` where files differ from it; undefined outside of a repository. */
export async function revisionOf(checkout: URL): Promise<string | undefined> {
  const git = new Deno.Command("git", {
    args: ["describe", "--always", "--dirty", "--exclude=*"],
    cwd: checkout,
    stderr: "null",
  });
  const { success, stdout } = await git.output().catch(() => ({ success: false, stdout: null }));
  return success ? new TextDecoder().decode(stdout!).trim() : undefined;
}
