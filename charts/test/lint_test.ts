/** The chart by the rules of others: helm's chart-testing, and kube-score. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { lacks, program } from "../../src/testing/skips.ts";
import { attempt } from "../../src/kind/cluster.ts";
import { type Case, CASES, CHART, HELM, renderText } from "./helm.ts";

const CT = program("ct", "the chart by chart-testing", "install it: .ci/run has the line");
const KUBE_SCORE = program(
  "kube-score",
  "the chart by kube-score",
  "install it: .ci/run has the line",
);

Deno.test({
  name: "ct lint: the chart with each of its example values",
  ignore: lacks(HELM, CT),
}, async () => {
  const config = ["--config", `${CHART}../ct.yaml`, "--charts", CHART];
  const { code, stdout, stderr } = await attempt(["ct", "lint", ...config]);
  assertEquals(code, 0, stdout + stderr);
  for (const name of CASES) assertStringIncludes(stdout, `ci/${name}-values.yaml`);
  assert(!/\[(WARNING|ERROR)\]/.test(stdout), stdout);
});

/** Checks of kube-score that do not hold here, and why. */
const EXCLUDED: Record<string, string> = {
  "container-image-pull-policy":
    "a release's tag never moves, and an image that was loaded into kind is in no registry",
  "container-ephemeral-storage-request-and-limit":
    "the file systems are read-only, and the folder that the audit writes to has a limit",
  "container-security-context-user-group-id":
    "it wants ids above 10,000; the image's user is 1993, that of PostgreSQL's 999",
  "deployment-has-host-podantiaffinity": "topologySpreadConstraints keep the copies apart",
  "deployment-replicas": "how many is for kubectl scale or an autoscaler to say",
  "pod-probes-identical": "PostgreSQL has one way to ask whether it is there, pg_isready",
};

/** What a case turns off on purpose. */
const EXCLUDED_OF: Partial<Record<Case, string[]>> = {
  minimal: ["pod-networkpolicy", "deployment-has-poddisruptionbudget"],
};

interface Scored {
  readonly object_name: string;
  readonly checks: readonly {
    readonly check: { readonly id: string };
    readonly grade: number;
    readonly skipped: boolean;
  }[];
}

const PASSED = 10;

/** The checks that objects fail, with the names of these objects. */
async function failedChecks(manifests: string): Promise<Map<string, string[]>> {
  const options = ["--output-format", "json", "--kubernetes-version", "v1.36"];
  const optional = ["--enable-optional-test", "container-seccomp-profile"];
  const { stdout, stderr } = await attempt(
    ["kube-score", "score", ...options, ...optional, "-"],
    { stdin: manifests },
  );
  assert(stdout.startsWith("["), stderr);
  const failed = new Map<string, string[]>();
  for (const { object_name, checks } of JSON.parse(stdout) as Scored[]) {
    for (const { check, grade, skipped } of checks) {
      if (skipped || grade >= PASSED) continue;
      failed.set(check.id, [...failed.get(check.id) ?? [], object_name]);
    }
  }
  return failed;
}

Deno.test({
  name: "kube-score: nothing to say but what is excluded with a reason",
  ignore: lacks(HELM, KUBE_SCORE),
}, async (t) => {
  const excluded = new Set<string>();
  for (const name of CASES) {
    await t.step(name, async () => {
      const failed = await failedChecks(await renderText(name));
      for (const id of failed.keys()) if (id in EXCLUDED) excluded.add(id);
      const others = [...failed].filter(([id]) =>
        !(id in EXCLUDED) && !EXCLUDED_OF[name]?.includes(id)
      );
      assertEquals(others, []);
    });
  }
  await t.step("no exclusion is idle", () => {
    assertEquals([...excluded].toSorted(), Object.keys(EXCLUDED).toSorted());
  });
  await t.step("finds a file system that can be written", async () => {
    const manifests = await renderText("default");
    const writable = manifests.replace("readOnlyRootFilesystem: true", "");
    const failed = await failedChecks(writable);
    assertEquals(failed.get("container-security-context-readonlyrootfilesystem")?.length, 1);
  });
});
