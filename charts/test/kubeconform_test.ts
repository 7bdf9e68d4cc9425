import { assertEquals, assertStringIncludes } from "@std/assert";
import { lacks, program } from "../../src/testing/skips.ts";
import { attempt } from "../../src/kind/cluster.ts";
import { CASES, HELM, renderText } from "./helm.ts";
import { STRIMZI_MANIFESTS, writeSchemas } from "./schemas.ts";

const TESTED = "the chart's manifests against the schemas of Kubernetes, Strimzi and KEDA";
const KUBECONFORM = program("kubeconform", TESTED, "install it");
const GO = program("go", TESTED, "install Go, which fetches the schemas");

Deno.test(
  {
    name: "kubeconform: every manifest keeps to its schema",
    ignore: lacks(HELM, KUBECONFORM, GO),
  },
  async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "orderflow-schemas-" });
    try {
      const location = await writeSchemas(folder);
      const check = async (manifests: string) => {
        const options = ["-strict", "-summary", "-schema-location", location, "-"];
        const { code, stdout, stderr } = await attempt(["kubeconform", ...options], {
          stdin: manifests,
        });
        return { code, output: stdout + stderr };
      };
      for (const name of CASES) {
        await t.step(`the chart, ${name}`, async () => {
          const { code, output } = await check(await renderText(name));
          assertEquals(code, 0, output);
          assertStringIncludes(output, "Invalid: 0, Errors: 0, Skipped: 0");
        });
      }
      for (const file of STRIMZI_MANIFESTS) {
        await t.step(file.slice(file.indexOf("deploy/")), async () => {
          const { code, output } = await check(await Deno.readTextFile(file));
          assertEquals(code, 0, output);
        });
      }
      // Or else the schemas might allow anything.
      const faults = {
        "a field that KafkaTopic does not have": ["  partitions: 12", "  partition: 12"],
        "a KafkaUser's operation that there is not": ['["Read","Describe"]', '["Reed","Describe"]'],
        "a word in place of a number": [
          "terminationGracePeriodSeconds: 40",
          "terminationGracePeriodSeconds: long",
        ],
        "a field that a container does not have": ["imagePullPolicy:", "imagePolicy:"],
      } as const;
      const good = await renderText("default");
      for (const [fault, [from, to]] of Object.entries(faults)) {
        await t.step(`finds ${fault}`, async () => {
          assertStringIncludes(good, from);
          assertEquals((await check(good.replace(from, to))).code, 1);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
