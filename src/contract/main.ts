/** `deno task contract`: writes docs/asyncapi.yaml, or says what of it breaks the contract of a commit. */
import { parse, stringify } from "yaml";
import { runProgram } from "../program.ts";
import { ConfigError } from "../runtime/config.ts";
import { Failure } from "../runtime/errors.ts";
import { flag, jsonSettings } from "../runtime/setting.ts";
import { compareContracts, type Comparison } from "./compare.ts";
import { asyncApi } from "./document.ts";
import { type Contract, readContract } from "./read.ts";

const PROJECT = new URL("../../", import.meta.url);
const PATH = "docs/asyncapi.yaml";
export const CONTRACT_FILE = new URL(PATH, PROJECT);

const settings = {
  check: flag({
    option: "check",
    fallback: "false",
    help:
      "writes nothing: compares with the contract at REF, a commit, a tag or a branch, and says " +
      "what would break its consumers, or leave events in the log that nobody can read",
  }),
  json: { ...jsonSettings.json, help: "with --check: prints JSON, for other programs" },
};

/** The file's text, formatted as `deno fmt` wants it. */
export function contractText(): string {
  const head = "# Made by `deno task contract`: do not edit.\n";
  // Tools that read YAML 1.1 take a bare time for more than a text.
  const yaml = stringify(asyncApi(), {
    aliasDuplicateObjects: false,
    lineWidth: 100,
    version: "1.1",
  });
  return head + yaml;
}

/**
 * The contract as it was committed.
 *
 * @returns undefined for a commit without one
 * @throws {ConfigError} there is no such commit
 * @throws {Failure} it cannot be read
 */
export async function contractAt(
  ref: string,
  folder: URL = PROJECT,
): Promise<Contract | undefined> {
  const commit = await git([
    "rev-parse",
    "--verify",
    "--quiet",
    "--end-of-options",
    ref + "^{commit}",
  ]);
  // It says nothing of a commit that is not there.
  if (commit.stderr !== "") throw new Failure(`git cannot look: ${commit.stderr.trim()}`);
  if (!commit.success) {
    throw new ConfigError([`--check: expected a commit, a tag or a branch, found "${ref}"`]);
  }
  const name = commit.stdout.trim();
  const listed = await git(["ls-tree", "--name-only", name, "--", PATH]);
  if (listed.success && listed.stdout === "") return undefined;
  const shown = await git(["show", `${name}:${PATH}`]);
  if (!shown.success) {
    throw new Failure(`git cannot show ${PATH} at ${ref}: ${shown.stderr.trim()}`);
  }
  try {
    return readContract(parse(shown.stdout));
  } catch (error) {
    throw new Failure(`${PATH} at ${ref} cannot be read: ${(error as Error).message}`);
  }

  async function git(args: string[]) {
    const command = new Deno.Command("git", { args, cwd: folder });
    const { success, stdout, stderr } = await command.output();
    const text = new TextDecoder();
    return { success, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }
}

/** @returns the exit code */
async function check(ref: string, { json }: { json: boolean }): Promise<number> {
  const before = await contractAt(ref);
  const found = before ? compareContracts(before, readContract(asyncApi())) : undefined;
  const { violations, notes } = found ?? { violations: [], notes: [] };
  if (json) console.log(JSON.stringify({ ref, compared: !!before, violations, notes }, null, 2));
  else if (!found) console.log(`${ref} has no ${PATH}: there is nothing to compare with`);
  else tell(ref, found);
  return violations.length === 0 ? 0 : 1;
}

function tell(ref: string, { violations, notes }: Comparison): void {
  for (const violation of violations) console.log(`BREAKS ${violation}`);
  for (const note of notes) console.log(`note   ${note}`);
  const count = violations.length === 1 ? "1 change" : `${violations.length} changes`;
  console.log(
    violations.length === 0
      ? `nothing breaks the contract of ${ref}`
      : `${count} would break the contract of ${ref}`,
  );
}

/** @returns what was done, for people */
function write(): string {
  const text = contractText();
  const isThere = Deno.readTextFileSync(CONTRACT_FILE);
  if (isThere === text) return `${PATH} is up to date`;
  Deno.writeTextFileSync(CONTRACT_FILE, text);
  return `${PATH} written`;
}

if (import.meta.main) {
  Deno.exit(
    await runProgram({
      name: "contract",
      settings,
      examples: [
        ["", `writes ${PATH}`],
        ["--check main", "says what would break those who know main's contract"],
      ],
      failsIf: "a change would break the contract",
      actions: [{ usage: "[REF]", help: "with --check, what to compare with" }],
      async run({ config, positionals: [ref] }) {
        if (config.json && !config.check) {
          throw new ConfigError(["--json: expected --check beside it"]);
        }
        if (config.check !== (ref !== undefined)) {
          throw new ConfigError([
            config.check
              ? "--check: expected REF after it"
              : `"${ref}": expected --check before it`,
          ]);
        }
        if (ref !== undefined) return await check(ref, config);
        console.log(write());
      },
    }),
  );
}
