/** The traces of orders as a receiver of OTLP gets them. `deno task test:otel` has a Jaeger for it. */
import { checkTraces } from "./support/traced_run.ts";
import { startOtlpReceiver } from "./support/otlp_receiver.ts";

Deno.test("pipeline: one order is one trace, in which each hop has the right parent", async () => {
  await using receiver = startOtlpReceiver();
  await checkTraces(receiver);
});
