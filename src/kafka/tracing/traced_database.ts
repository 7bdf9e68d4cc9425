/** A database whose transactions are spans, where they are a part of others: see tracing.ts. */
import { context, SpanKind, trace } from "@opentelemetry/api";
import type { Database } from "../../database/database.ts";
import { endWithError, tracer } from "./conventions.ts";

export function tracedDatabase(
  database: Database,
  owner: string,
  { url }: { readonly url?: string },
): Database {
  const options = {
    // SQLite is a part of this process.
    kind: url ? SpanKind.CLIENT : SpanKind.INTERNAL,
    attributes: {
      "db.system.name": url ? "postgresql" : "sqlite",
      "db.namespace": owner,
      "db.operation.name": "transaction",
    },
  };
  return {
    async transaction(work, how) {
      if (trace.getActiveSpan() === undefined) return await database.transaction(work, how);
      const span = tracer.startSpan(`transaction ${owner}`, options, context.active());
      try {
        const result = await database.transaction(work, how);
        span.end();
        return result;
      } catch (error) {
        const { name, message } = error as Error;
        endWithError(span, name, message);
        throw error;
      }
    },
    scan: (table, pageSize) => database.scan(table, pageSize),
    count: (table) => database.count(table),
    close: () => database.close(),
  };
}
