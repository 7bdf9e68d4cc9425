/** What tests take of Go's modules: resource definitions, manifests, programs to build. */
import { join } from "node:path";
import { attempt, run } from "../kind/cluster.ts";

/** The KEDA that the chart is tested with. */
export const KEDA_VERSION = "v2.21.0";
export const KEDA = `github.com/kedacore/keda/v2@${KEDA_VERSION}`;

/** Downloads a Go module. @returns its folder */
export async function moduleFolder(module: string): Promise<string> {
  return JSON.parse(await run(["go", "mod", "download", "-json", module])).Dir;
}

/**
 * A program of a Go module, in Go's folder of programs. Where it is missing Go builds it: once, some
 * minutes, and some GB in Go's folders.
 *
 * @param name its path below that folder
 * @param module the module's folder
 * @param source the package of its `main`
 * @returns the program's path
 */
export async function goProgram(name: string, module: string, source: string): Promise<string> {
  const path = join((await run(["go", "env", "GOPATH"])).trim(), "bin", name);
  if ((await attempt(["test", "-x", path])).code === 0) return path;
  console.error(`building ${name}, once: some minutes the first time`);
  const build = ["go", "build", "-C", module, "-trimpath", "-buildvcs=false", "-ldflags=-s -w"];
  await run(["nice", ...build, "-o", path, source], { env: { CGO_ENABLED: "0" } });
  return path;
}
