/** The programs that the kind tasks need, and whether they are there and new enough. */
import { attempt } from "./command.ts";

interface Tool {
  readonly name: string;
  /** Prints its version on stdout, among other things; fails if it does not work. */
  readonly ask: readonly [string, ...string[]];
  /** The oldest version that works: major, minor. */
  readonly least: readonly [number, number];
  readonly from: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: "docker",
    // The server's version: kind needs a daemon that answers.
    ask: ["docker", "version", "--format", "{{.Server.Version}}"],
    least: [20, 10],
    from: "https://docs.docker.com/engine/install/",
  },
  {
    name: "kind",
    ask: ["kind", "version"],
    least: [0, 30],
    from: "https://kind.sigs.k8s.io/docs/user/quick-start/#installation",
  },
  {
    name: "kubectl",
    ask: ["kubectl", "version", "--client", "-o", "json"],
    least: [1, 30],
    from: "https://kubernetes.io/docs/tasks/tools/",
  },
  {
    name: "helm",
    ask: ["helm", "version", "--short"],
    least: [4, 0],
    from: "https://helm.sh/docs/intro/install/",
  },
];

/** The first version in what a program prints. */
export function versionIn(text: string): string | undefined {
  return /\bv?(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1];
}

export function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [its, next] = version.split(".").map(Number) as [number, number];
  return its > major || (its === major && next >= minor);
}

export interface ToolReport {
  /** A line a tool. */
  readonly lines: readonly string[];
  readonly complete: boolean;
}

export async function checkTools(): Promise<ToolReport> {
  const reports = await Promise.all(TOOLS.map(async ({ name, ask, least, from }) => {
    const { code, stdout, stderr } = await attempt(ask);
    const version = versionIn(stdout);
    const wanted = `${least.join(".")} or later`;
    if (code === 127) return { line: `${name} is missing: install ${wanted}, ${from}`, ok: false };
    if (code !== 0 || version === undefined) {
      const why = stderr.trim().split("\n").at(-1) || "it does not say its version";
      return { line: `${name} does not work: ${why}`, ok: false };
    }
    return isAtLeast(version, least)
      ? { line: `${name} ${version}`, ok: true }
      : { line: `${name} ${version} is too old: install ${wanted}, ${from}`, ok: false };
  }));
  return { lines: reports.map(({ line }) => line), complete: reports.every(({ ok }) => ok) };
}
