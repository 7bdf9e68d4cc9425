/** The traces of orders as Jaeger shows them. */
import { checkTraces } from "./support/traced_run.ts";
import { startJaeger } from "./support/jaeger.ts";

Deno.test("pipeline: Jaeger shows one order as one trace, in which each hop has the right parent", async () => {
  await using jaeger = await startJaeger();
  await checkTraces(jaeger);
});
