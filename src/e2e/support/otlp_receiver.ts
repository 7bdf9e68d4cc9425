/** Spans as a test looks at them, and a receiver of them: OTLP over HTTP, as JSON. */

export interface SeenSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of its trace. */
  readonly parentId: string;
  readonly name: string;
  /** The process's task. */
  readonly service: string;
  /** The process's name, such as `validator-1`. */
  readonly instance: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly failed: boolean;
  /** Ids of the spans that it is linked with. */
  readonly links: readonly string[];
  /** What the backend has against it. */
  readonly warnings?: readonly string[];
}

/** What shows spans that were exported. */
export interface TraceBackend extends AsyncDisposable {
  /** The environment of a process that exports to it. */
  readonly env: Readonly<Record<string, string>>;
  /** All spans of these traces that have arrived. */
  spans(traceIds: Iterable<string>): Promise<SeenSpan[]>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId: string;
        readonly name: string;
        readonly attributes: readonly Attribute[];
        readonly links: readonly { readonly spanId: string }[];
        readonly status: { readonly code?: number };
      }[];
    }[];
  }[];
}

const ERROR = 2;

export function startOtlpReceiver(): TraceBackend {
  const seen: SeenSpan[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    if (request.url.endsWith("/v1/traces")) seen.push(...spansOf(body));
    return Response.json({});
  });
  return {
    env: {
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
    },
    spans(traceIds) {
      const wanted = new Set(traceIds);
      return Promise.resolve(seen.filter(({ traceId }) => wanted.has(traceId)));
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function spansOf({ resourceSpans }: OtlpTraces): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const { "service.name": service, "service.instance.id": instance } = valuesOf(
      resource.attributes,
    );
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, attributes, links, status }) => ({
        traceId,
        spanId,
        parentId: parentSpanId,
        name,
        service: String(service),
        instance: String(instance),
        attributes: valuesOf(attributes),
        failed: status.code === ERROR,
        links: links.map(({ spanId }) => spanId),
      }))
    );
  });
}

/** 64-bit numbers are texts in OTLP's JSON. */
function valuesOf(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => {
    const { intValue, ...others } = value;
    return [key, intValue === undefined ? Object.values(others)[0] : Number(intValue)];
  }));
}
