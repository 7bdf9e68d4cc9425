/**
 * What tests need of a machine beyond what the README asks for. A test whose need is not met is skipped,
 * never silently: `deno task test` ends with one line about all of them.
 */

export interface Need {
  /** What is not tested without it, such as `the Helm chart`. */
  readonly tested: string;
  /** Why it is missing and how to get it, in one clause; undefined if it is there. */
  missing(): string | undefined;
}

interface Skip {
  readonly tested: string;
  readonly reason: string;
}

/** The file in which `deno task test` collects what is skipped, a line a test. */
export const SKIPS_FILE = "SKIPPED_TESTS_FILE";

const told = new Set<Need>();

/** For the `ignore` of one test, which counts as skipped if any of these is missing. */
export function lacks(...needs: readonly Need[]): boolean {
  return notedIn(Deno.env.get(SKIPS_FILE), needs);
}

/** As `lacks`. @param file where it is noted that one is missing; undefined: on the console */
export function notedIn(file: string | undefined, needs: readonly Need[]): boolean {
  for (const need of needs) {
    const reason = need.missing();
    if (reason === undefined) continue;
    const skip: Skip = { tested: need.tested, reason };
    if (file) Deno.writeTextFileSync(file, `${JSON.stringify(skip)}\n`, { append: true });
    else if (!told.has(need)) console.error(`SKIPPED: tests of ${skip.tested}: ${skip.reason}`);
    told.add(need);
    return true;
  }
  return false;
}

/**
 * @param lines what `lacks` wrote
 * @returns the one line about all of them; undefined if nothing was skipped
 */
export function skippedLine(lines: string): string | undefined {
  const skips: Skip[] = lines.split("\n").filter(Boolean).map((line) => JSON.parse(line));
  if (skips.length === 0) return undefined;
  const groups = Object.values(Object.groupBy(skips, (s) => `${s.tested}: ${s.reason}`))
    .map((group) => `${group!.length} of ${group![0]!.tested}, because ${group![0]!.reason}`);
  return `SKIPPED ${skips.length} ${skips.length === 1 ? "test" : "tests"}: ${groups.join("; ")}`;
}

/** The need of a program on the PATH, which is searched for once. */
export function program(name: string, tested: string, remedy: string): Need {
  let found: boolean | undefined;
  return {
    tested,
    missing() {
      found ??= starts(name);
      return found ? undefined : `there is no ${name} (${remedy})`;
    },
  };
}

function starts(name: string): boolean {
  try {
    new Deno.Command(name, { args: ["--help"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}
