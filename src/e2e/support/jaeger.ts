/** A Jaeger for tests: in memory, on loopback and free ports. */
import { assert } from "@std/assert";
import { freePort, LOOPBACK } from "../../local/kafka/ports.ts";
import { lastLines } from "../../local/kafka/shell.ts";
import { PROJECT } from "../../local/task.ts";
import { until } from "../../runtime/until.ts";
import { goProgram } from "../../testing/go_module.ts";
import type { SeenSpan, TraceBackend } from "./otlp_receiver.ts";

/** Its version is pinned in go.mod there. */
const MODULE = new URL("deploy/local/jaeger/", PROJECT);
const PROGRAM = "github.com/jaegertracing/jaeger/cmd/jaeger";

/** A trace as its API has it. */
interface JaegerTrace {
  readonly spans: readonly {
    readonly traceID: string;
    readonly spanID: string;
    readonly operationName: string;
    readonly references: readonly { readonly refType: string; readonly spanID: string }[];
    readonly tags: readonly Tag[];
    readonly processID: string;
    /** Such as that of a span without its parent. */
    readonly warnings?: readonly string[] | null;
  }[];
  readonly processes: Readonly<
    Record<string, { readonly serviceName: string; readonly tags: readonly Tag[] }>
  >;
}

interface Tag {
  readonly key: string;
  readonly value: unknown;
}

export async function startJaeger(): Promise<TraceBackend> {
  const program = await goProgram("jaeger", MODULE.pathname, PROGRAM);
  const [otlp, query, grpc] = await freePorts();
  const log = await Deno.makeTempFile({ prefix: "jaeger-" });
  const child = new Deno.Command(program, {
    args: [`--config=file:${new URL("jaeger.yaml", MODULE).pathname}`],
    env: { OTLP_HTTP: otlp!, QUERY_HTTP: query!, QUERY_GRPC: grpc! },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let ended = false;
  const status = child.status.finally(() => ended = true);
  const logging = child.stderr.pipeTo((await Deno.create(log)).writable);
  await until("Jaeger is ready", async () => {
    assert(!ended, lastLines(await Deno.readTextFile(log), 10));
    return await fetch(`http://${query}/api/services`).then(async (answer) => {
      await answer.body?.cancel();
      return answer.ok;
    }, () => false);
  });
  return {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${otlp}` },
    async spans(traceIds) {
      const all: SeenSpan[] = [];
      for (const id of traceIds) {
        const answer = await fetch(`http://${query}/api/traces/${id}`);
        const { data } = await answer.json() as { data: readonly JaegerTrace[] | null };
        all.push(...(data ?? []).flatMap(spansOf));
      }
      return all;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await Promise.all([status, logging]);
      await Deno.remove(log);
    },
  };
}

function spansOf({ spans, processes }: JaegerTrace): SeenSpan[] {
  return spans.map((span) => {
    const { serviceName: service, tags } = processes[span.processID]!;
    const attributes = valuesOf(span.tags);
    const references = Map.groupBy(span.references, ({ refType }) => refType);
    const ids = (type: string) => (references.get(type) ?? []).map(({ spanID }) => spanID);
    return {
      traceId: span.traceID,
      spanId: span.spanID,
      parentId: ids("CHILD_OF")[0] ?? "",
      name: span.operationName,
      service,
      instance: String(valuesOf(tags)["service.instance.id"]),
      attributes,
      failed: attributes.error === true,
      links: ids("FOLLOWS_FROM"),
      // A record is processed when its sending is over: to Jaeger that looks like two clocks.
      warnings: span.warnings?.filter((warning) =>
        !warning.includes("clock skew adjustment disabled")
      ),
    };
  });
}

function valuesOf(tags: readonly Tag[]): Record<string, unknown> {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}

async function freePorts(): Promise<string[]> {
  const ports: number[] = [];
  while (ports.length < 3) ports.push(await freePort(...ports));
  return ports.map((port) => `${LOOPBACK}:${port}`);
}
