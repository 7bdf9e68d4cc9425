/** What tests take of Go's modules: resource definitions, manifests, programs to build. */
import { run } from "../kind/cluster.ts";

/** The KEDA that the chart is tested with. */
export const KEDA_VERSION = "v2.21.0";
export const KEDA = `github.com/kedacore/keda/v2@${KEDA_VERSION}`;

/** Downloads a Go module. @returns its folder */
export async function moduleFolder(module: string): Promise<string> {
  return JSON.parse(await run(["go", "mod", "download", "-json", module])).Dir;
}
