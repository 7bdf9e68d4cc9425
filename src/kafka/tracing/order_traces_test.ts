import { assertEquals } from "@std/assert";
import { SpanStatusCode } from "@opentelemetry/api";
import { createOrderTraces } from "./order_traces.ts";
import { parseTraceparent } from "./traceparent.ts";
import { recordSpans } from "./testing/recorder.ts";

let isSampled = true;
const spans = recordSpans(() => isSampled);

Deno.test("order traces: a span from an order to its acknowledgement, whose context is the header", () => {
  spans.length = 0;
  const traces = createOrderTraces({ clientId: "simulator-1", topicName: "p.orders.raw" });
  const [first, second] = ["r1-0", "r1-1"].map((orderId) => traces.begin(orderId)!);
  assertEquals(parseTraceparent(first!), spans[0]!.ids);
  assertEquals(spans[0]!.name, "send p.orders.raw");
  assertEquals(spans[0]!.parent, undefined);
  assertEquals(spans[0]!.attributes["kafka.message.key"], "r1-0");
  traces.acknowledged([{}, { headers: {} }, { headers: { traceparent: first! } }]);
  assertEquals(spans.map(({ ended }) => ended), [1, 0]);
  // A batch that is sent again is acknowledged once more.
  traces.acknowledged([{ headers: { traceparent: first! } }]);
  traces.close();
  assertEquals(spans.map(({ ended }) => ended), [1, 1]);
  const codes = spans.map(({ status }) => status.code);
  assertEquals(codes, [SpanStatusCode.UNSET, SpanStatusCode.ERROR]);
  traces.acknowledged([{ headers: { traceparent: second! } }]);
  assertEquals(spans[1]!.ended, 1);
});

Deno.test("order traces: an order that is not sampled has no header of a trace", () => {
  isSampled = false;
  const traces = createOrderTraces({ clientId: "simulator-1", topicName: "orders.raw" });
  assertEquals(traces.begin("r1-0"), undefined);
  isSampled = true;
});
