/** The names by which the chart's processes may be asked: its Service's, and those from outside. */
import { assertEquals } from "@std/assert";
import { lacks } from "../../src/testing/skips.ts";
import { attempt } from "../../src/kind/cluster.ts";
import { CHART, find, HELM, parseAll } from "./helm.ts";

const SERVICE = ["shop-orderflow-analytics", "shop-orderflow-analytics.ns"];
const OWN = [...SERVICE, `${SERVICE[1]}.svc`, `${SERVICE[1]}.svc.cluster.local`];

const INGRESS = ["ingress.enabled=true", "ingress.hosts={a.example.com,*.b.example.com}"];
const ROUTE = ["httpRoute.enabled=true", "httpRoute.parentRefs[0].name=public"];
const CASES: Record<string, { set: string[]; outside: string[] }> = {
  "nothing leads in": { set: [], outside: [] },
  "an Ingress": { set: INGRESS, outside: ["a.example.com", ".b.example.com"] },
  "a route with names": {
    set: [...ROUTE, "httpRoute.hostnames={c.example.com}"],
    outside: ["c.example.com"],
  },
  "a route with those of its Gateway": { set: ROUTE, outside: ["*"] },
};

for (const [what, { set, outside }] of Object.entries(CASES)) {
  Deno.test({
    name: `chart: HTTP_ALLOWED_HOSTS: ${what}`,
    ignore: lacks(HELM),
    async fn() {
      const { code, stdout, stderr } = await attempt([
        "helm",
        ...["template", "shop", CHART, "--namespace", "ns"],
        ...set.flatMap((value) => ["--set", value]),
      ]);
      assertEquals(code, 0, stderr);
      const { spec } = find(parseAll(stdout), "Deployment", "shop-orderflow-analytics");
      const env: { name: string; value?: string }[] = spec.template.spec.containers[0].env;
      const allowed = env.find(({ name }) => name === "HTTP_ALLOWED_HOSTS")?.value?.split(",");
      assertEquals(allowed, [...OWN, ...outside]);
    },
  });
}
