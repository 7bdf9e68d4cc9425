/**
 * The alert rules and dashboards in the chart's folder `files`, whoever mounts them. Whether there are
 * such metrics at all is tested where all services run: src/e2e/audit_e2e_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { DASHBOARDS, PROMTOOL, promtool, RULES } from "../../src/testing/monitoring.ts";
import { lacks } from "../../src/testing/skips.ts";
import { find, HELM, render } from "./helm.ts";

const TESTS = new URL("alerts.yaml", import.meta.url).pathname;

const alerts = RULES.map(({ alert }) => alert);

Deno.test({
  name: "alerts: each fires when it should, and only then",
  ignore: lacks(PROMTOOL),
  fn: () => promtool(["test", "rules", TESTS]),
});

Deno.test("alerts: each is tested, says what happened, and leads to what is to be done", () => {
  const tests = Deno.readTextFileSync(TESTS);
  const docs = Deno.readTextFileSync(new URL("../../docs/metrics.md", import.meta.url));
  for (const { alert, labels, annotations } of RULES) {
    assert(
      tests.includes(`alertname: ${alert}\n`) || tests.includes(`alertname="${alert}"`),
      alert,
    );
    assert(["warning", "critical"].includes(labels.severity!), alert);
    assert(annotations.summary && annotations.description, alert);
    assertEquals(annotations.runbook, `docs/metrics.md#${alert.toLowerCase()}`);
    assert(docs.includes(`\n### ${alert}\n`), `docs/metrics.md has no heading ${alert}`);
  }
  const headings = [...docs.matchAll(/^### (Orderflow\w+)$/gm)].map(([, heading]) => heading!);
  assertEquals(headings.toSorted(), alerts.toSorted());
});

for (const { file, uid, queries, panels, variables } of DASHBOARDS) {
  Deno.test({
    name: `dashboard ${file}: Prometheus can read its queries`,
    ignore: lacks(PROMTOOL),
    async fn() {
      const rules = queries.map((query, i) => ({ record: `query:${i}`, expr: filledIn(query) }));
      const path = await Deno.makeTempFile({ suffix: ".yaml" });
      await Deno.writeTextFile(path, JSON.stringify({ groups: [{ name: file, rules }] }));
      await promtool(["check", "rules", path]).finally(() => Deno.remove(path));
    },
  });

  Deno.test(`dashboard ${file}: panels have names of their own, and whatever is a variable is one`, () => {
    assert(queries.length > 10);
    for (const key of ["id", "title"] as const) {
      assertEquals(new Set(panels.map((panel) => panel[key])).size, panels.length, key);
    }
    for (const { title, datasource, type } of panels) {
      if (type !== "row") assertEquals(datasource?.uid, "${datasource}", title);
    }
    const used = queries.flatMap((query) => [...query.matchAll(/"\$(\w+)"/g)].map(([, v]) => v!));
    assertEquals(new Set([...used, "datasource"]), new Set(variables));
    assertEquals(uid, `orderflow-${file.replace(".json", "")}`);
  });
}

/** As Grafana fills in its variables. */
function filledIn(query: string): string {
  return query.replaceAll("$__rate_interval", "1m").replaceAll(/"\$\w+"/g, '".*"');
}

Deno.test(
  { name: "chart: rules and dashboards are those of the files", ignore: lacks(HELM) },
  async () => {
    const rendered = await render("keda");
    const { metadata, spec } = find(rendered, "PrometheusRule", "orderflow");
    assertEquals(metadata.labels?.release, "prometheus");
    assertEquals(spec.groups.flatMap(({ rules }: { rules: unknown[] }) => rules), RULES);
    for (const { file, text } of DASHBOARDS) {
      const name = `orderflow-dashboard-${file.replace(".json", "")}`;
      const { metadata: { labels, annotations }, data } = find(rendered, "ConfigMap", name);
      assertEquals([labels?.grafana_dashboard, annotations], ["1", { grafana_folder: "orders" }]);
      assertEquals(data, { [`orderflow-${file}`]: text });
    }
  },
);
