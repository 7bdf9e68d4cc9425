/** Whether there are traces: what records them is loaded only then. */
import { Failure } from "../../runtime/errors.ts";
import { flag } from "../../runtime/setting.ts";
import type { OrderTraces, Tracing } from "./tracing.ts";

export const tracingSettings = {
  exportsTraces: flag({
    env: "OTEL_DENO",
    fallback: "false",
    help: "export traces over OTLP, as other OTEL_* variables say: see docs/tracing.md",
  }),
};

interface TracingConfig {
  readonly exportsTraces: boolean;
}

/** @returns undefined when tracing is off */
export async function openTracing(
  { exportsTraces }: TracingConfig,
  client: { clientId: string; group: string; deadLetters: string },
): Promise<Tracing | undefined> {
  if (!exportsTraces) return undefined;
  const { createTracing } = await import("./spans.ts");
  await assertRegistered();
  return createTracing(client);
}

/**
 * @param client with the name on the cluster of the topic that orders are placed in
 * @returns undefined when tracing is off
 */
export async function openOrderTraces(
  { exportsTraces }: TracingConfig,
  client: { clientId: string; topicName: string },
): Promise<OrderTraces | undefined> {
  if (!exportsTraces) return undefined;
  const { createOrderTraces } = await import("./order_traces.ts");
  await assertRegistered();
  return createOrderTraces(client);
}

/** @throws {Failure} Deno itself knows nothing of it */
async function assertRegistered(): Promise<void> {
  const { ProxyTracerProvider, trace } = await import("@opentelemetry/api");
  if (!(trace.getTracerProvider() instanceof ProxyTracerProvider)) return;
  throw new Failure(
    "OTEL_DENO: Deno reads it at its start, before any .env file: set it in the environment",
  );
}
