/** Orders that are traced, from the simulator to the last record about them, and what must be seen. */
import { assert, assertEquals } from "@std/assert";
import { cloudEventHeaders, cloudEventSource } from "../../events/cloud_events.ts";
import { decode } from "../../events/codec.ts";
import { createClient } from "../../kafka/client/client.ts";
import type { LogRecord } from "../../kafka/records.ts";
import { readAll } from "../../kafka/testing/topics.ts";
import { openRun, type Run } from "../../local/run.ts";
import { startTask, type TaskProcess } from "../../local/task.ts";
import { until } from "../../runtime/until.ts";
import { PROCESSORS, TOPIC_NAMES, topicsReadBy, writerOf } from "../../topology.ts";
import type { SeenSpan, TraceBackend } from "./otlp_receiver.ts";

const ORDERS = 150;
/** What of it is to be traced. */
const SHARE = 0.6;

/** Some orders are rejected, some are dead letters, some are cancelled, and refunded if they were charged. */
const MIX = {
  SIMULATOR_REFUSED_SHARE: "0.1",
  SIMULATOR_BROKEN_SHARE: "0.05",
  GATEWAY_DECLINED_SHARE: "0.1",
  GATEWAY_TIMEOUT_SHARE: "0",
  GATEWAY_ERROR_SHARE: "0",
};
/** Of each product: popular ones are soon sold out. */
const STOCK = 3;
/** As of other pipelines: a lost order would never be settled. */
const SETTLE_LIMIT_MS = 300_000;

/** Places orders, and checks all spans and all records of them. */
export async function checkTraces(backend: TraceBackend): Promise<void> {
  // Inside the project, where the tasks may write.
  await Deno.mkdir(".data", { recursive: true });
  const dataDir = await Deno.makeTempDir({ dir: ".data", prefix: "e2e-" });
  const telemetry = {
    OTEL_DENO: "true",
    // Logs and metrics are no spans.
    OTEL_DENO_CONSOLE: "ignore",
    OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
    OTEL_TRACES_SAMPLER_ARG: String(SHARE),
    // Beside the header of the trace there are others.
    CLOUD_EVENTS: "true",
    ...backend.env,
  };
  const gateway = await startGateway(dataDir, { ...MIX, ...telemetry });
  const run = await openRun({
    dataDir,
    partitions: 4,
    guarantee: "exactly_once",
    databaseUrl: "",
    port: 0,
    initialStock: STOCK,
    env: { ...MIX, ...telemetry, GATEWAY_URL: gateway.url },
    onNotice: () => {},
  });
  let records: Record<string, LogRecord[]>;
  try {
    for (const service of PROCESSORS) await run.pipeline.scale(service, 1);
    await run.place(
      { orders: ORDERS, rate: 0, seed: 7 },
      AbortSignal.timeout(SETTLE_LIMIT_MS),
      () => {},
    );
    // Each exports what it has when it ends.
    await run.pipeline.stop();
    await gateway.process.stop(10_000);
    records = await recordsOf(run);
  } finally {
    await run.close();
    await gateway.process.stop(10_000);
    await Deno.remove(dataDir, { recursive: true });
  }
  await checkOrders(backend, records);
}

async function startGateway(
  dataDir: string,
  env: Record<string, string>,
): Promise<{ url: string; process: TaskProcess }> {
  const logFile = `${dataDir}/gateway.log`;
  const process = startTask({
    task: "gateway",
    name: "gateway",
    args: ["--port", "0"],
    env: { ...env, DATA_DIR: dataDir, DATABASE_URL: "" },
    logFile,
  });
  let url: string | undefined;
  await until("the gateway is there", () => {
    url = /gateway at (http:\S+),/.exec(Deno.readTextFileSync(logFile))?.[1];
    return url !== undefined;
  });
  return { url: url!, process };
}

/** All that was written, by the topic's name without its prefix. */
async function recordsOf({ brokers, names }: Run): Promise<Record<string, LogRecord[]>> {
  const kafka = createClient({ brokers: [...brokers] }, "test");
  const all: Record<string, LogRecord[]> = {};
  for (const topic of [...TOPIC_NAMES, "dlq.validator"] as const) {
    all[topic] = await readAll(kafka, names.topic(topic));
  }
  return all;
}

async function checkOrders(
  backend: TraceBackend,
  records: Record<string, LogRecord[]>,
): Promise<void> {
  const traced = new Map<string, Hop[]>();
  for (const topic of TOPIC_NAMES) {
    for (const record of records[topic]!) {
      const [, traceId, spanId, flags] = record.headers.traceparent!.split("-");
      if (flags === "00") continue;
      const hops = traced.getOrInsertComputed(traceId!, () => []);
      hops.push({ topic, record, spanId: spanId! });
    }
  }
  checkMix(traced, records);
  const expected = [...traced.values()].flat().length;
  let spans: SeenSpan[] = [];
  await until("all spans have arrived", async () => {
    spans = await backend.spans(traced.keys());
    return spans.filter(({ name }) => name.startsWith("send ")).length >= expected;
  });
  const byTrace = Map.groupBy(spans, ({ traceId }) => traceId);
  for (const [traceId, hops] of traced) checkTrace(hops, byTrace.get(traceId) ?? []);
  checkUnsampled(records);
  checkCloudEvents(records);
  console.log(`${traced.size} orders, ${expected} records, ${spans.length} spans`);
}

/** A record of a traced order, and the span of its sending. */
interface Hop {
  readonly topic: typeof TOPIC_NAMES[number];
  readonly record: LogRecord;
  readonly spanId: string;
}

const text = new TextDecoder();
const typeOf = ({ value }: LogRecord) => /"type":"(\w+)"/.exec(text.decode(value!))?.[1];

/** There is one of each kind of story among them, and one that is not traced. */
function checkMix(traced: ReadonlyMap<string, Hop[]>, records: Record<string, LogRecord[]>): void {
  const types = new Set([...traced.values()].flat().map(({ record }) => typeOf(record)));
  for (const type of ["OrderConfirmed", "OrderRejected", "OrderCancelled", "PaymentRefunded"]) {
    assert(types.has(type), `no traced order has ${type}`);
  }
  const dead = records["dlq.validator"]!.map(({ headers }) => headers.traceparent!.split("-")[1]!);
  assert(dead.some((traceId) => traced.has(traceId)), "no traced order is a dead letter");
  assert(traced.size < ORDERS, "all orders are traced");
}

/** One order: one trace, in which each record was sent once, and processed once by each of its readers. */
function checkTrace(hops: readonly Hop[], spans: readonly SeenSpan[]): void {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const describe = () => spans.map((s) => `${s.parentId} ${s.spanId} ${s.service}: ${s.name}`);
  const why = () => `${text.decode(hops[0]!.record.key!)}\n${describe().join("\n")}`;
  const roots = spans.filter(({ parentId }) => parentId === "");
  assertEquals(roots.map(({ service }) => service), ["simulator"], why());
  for (const { parentId, warnings = [] } of spans) {
    assert(parentId === "" || byId.has(parentId), why());
    assertEquals(warnings, [], why());
  }
  const orders = new Set(hops.flatMap(({ record: { key } }) => key ? [text.decode(key)] : []));
  assert(orders.size <= 1, [...orders].join());

  const seen = spans.filter(({ attributes }) => attributes["messaging.operation.name"] !== "commit")
    .filter(({ attributes }) => attributes["messaging.system"] === "kafka");
  const expected = hops.flatMap(({ topic, record, spanId }) => {
    const sent = byId.get(spanId)!;
    const parent = byId.get(sent.parentId);
    assert(topic === "orders.raw" ? !parent : parent?.name.startsWith("process "), why());
    const type = typeOf(record) as Parameters<typeof writerOf>[0];
    const writer = topic === "orders.raw" ? "simulator" : writerOf(type);
    assertEquals(parent?.service ?? "simulator", writer, why());
    return [
      `${writer} send ${record.topic} ${spanId}`,
      ...PROCESSORS.filter((service) => topicsReadBy(service).includes(topic))
        .map((reader) => `${reader} process ${record.topic} ${spanId} ${record.offset}`),
    ];
  });
  // On a busy machine a batch may be processed again: what came of the first attempt has failed.
  const found = seen.filter(({ name, failed }) => !failed || !name.startsWith("send "))
    .map(({ service, name, spanId, parentId, attributes }) =>
      name.startsWith("send ")
        ? `${service} ${name} ${spanId}`
        : `${service} ${name} ${parentId} ${attributes["kafka.offset"]}`
    );
  assertEquals([...new Set(found)].toSorted(), expected.toSorted(), why());
  checkWork(spans, byId);
}

/** The work within: transactions, calls of the gateway, commits. */
function checkWork(spans: readonly SeenSpan[], byId: ReadonlyMap<string, SeenSpan>): void {
  for (const { name, service, instance, parentId, failed, attributes, links } of spans) {
    const parent = byId.get(parentId);
    if (service !== "simulator" && service !== "gateway") assertEquals(instance, `${service}-1`);
    if (name.startsWith("commit ")) {
      const linked = links.map((id) => byId.get(id)?.name);
      assert(linked.every((each) => each === undefined || each.startsWith("process ")));
    }
    if (/^(transaction|commit|POST) /.test(`${name} `)) {
      assert(parent?.name.startsWith("process ") || service === "gateway", name);
    }
    if (service === "gateway") assertEquals(parent?.service, "payment");
    if (failed) assertEquals(typeof attributes["error.type"], "string");
  }
  const charged = spans.some(({ service, name }) =>
    service === "payment" && name === "process orders.validated"
  );
  assertEquals(spans.some(({ service }) => service === "gateway"), charged);
}

/** What is not traced goes on as it is. */
function checkUnsampled(records: Record<string, LogRecord[]>): void {
  const unsampled = TOPIC_NAMES.flatMap((topic) => records[topic]!)
    .filter(({ key, headers }) => key && headers.traceparent!.endsWith("-00"));
  const byKey = Map.groupBy(unsampled, ({ key }) => text.decode(key!));
  for (const [key, all] of byKey) {
    assertEquals(new Set(all.map(({ headers }) => headers.traceparent)).size, 1, key);
  }
}

/** Each event has the headers of its CloudEvent and of its trace, whether it is sampled or not. */
function checkCloudEvents(records: Record<string, LogRecord[]>): void {
  for (const topic of TOPIC_NAMES) {
    const events = records[topic]!.flatMap(({ key, value, headers }) => {
      const decoded = decode(topic, key, value);
      return decoded.ok ? [{ event: decoded.event, headers }] : [];
    });
    assert(events.length > 0, topic);
    for (const { event, headers: { traceparent, ...others } } of events) {
      assert(traceparent !== undefined, event.eventId);
      assertEquals(others, cloudEventHeaders(event, cloudEventSource(writerOf(event.type))));
    }
  }
}
