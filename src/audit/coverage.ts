/**
 * What the audit covers: every event, topic and consumer group of the topology, every table of the
 * services, and the promises about each. What no promise covers fails the audit, or is an exception.
 */
import type { ServiceTable } from "../services/tables.ts";
import { CONSUMERS, deadLetterTopicOf, PROCESSORS, TOPIC_NAMES } from "../topology.ts";
import { CHECK_NAMES, type CheckName, CHECKS } from "./checks.ts";
import { DUTIES, type Duty, KINDS, READINGS } from "./duties.ts";
import { AUDITED_TABLES } from "./load/tables.ts";

type SubjectKind = "event" | "topic" | "consumer group" | "table";

/** Names by kind, each with the reason why no promise covers it; a table's is `owner.table`. */
export type Exceptions = { readonly [K in SubjectKind]?: Readonly<Record<string, string>> };

/** The report prints them. A name that is not there is refused by a test. */
export const EXCEPTIONS: Exceptions = {
  "consumer group": { analytics: "reads only, and writes nothing" },
  table: {
    "catalog.customers": "is an input of the validator, which no order changes",
    "catalog.products": "is an input of the validator, which no order changes",
    "gateway.refunds": "is added up in refunded_cents of gateway.charges, which is audited",
  },
};

/** Something that the audit must cover. */
export interface Subject {
  readonly kind: SubjectKind;
  readonly name: string;
  readonly coveredBy: readonly CheckName[];
  /** Why it is not covered. */
  readonly exception: string | undefined;
}

/** `owner.table`. */
export function nameOf({ owner, table }: Pick<ServiceTable, "owner" | "table">): string {
  return `${owner}.${table.name}`;
}

/** Tables with a row an order that no promise names: promise `rows` is about them. */
export function otherOrderTables(tables: readonly ServiceTable[]): ServiceTable[] {
  const audited = new Set(AUDITED_TABLES.map(({ owned }) => nameOf(owned)));
  return tables.filter((one) => one.isByOrder && !audited.has(nameOf(one)) && !isException(one));
}

function isException(one: ServiceTable): boolean {
  return nameOf(one) in (EXCEPTIONS.table ?? {});
}

/** Everything that there is to cover. */
export function subjectsOf(
  tables: readonly ServiceTable[],
  { exceptions = EXCEPTIONS, duties = DUTIES }: {
    exceptions?: Exceptions;
    duties?: readonly Duty[];
  } = {},
): Subject[] {
  const subject = (kind: SubjectKind, name: string, coveredBy: readonly CheckName[]): Subject => ({
    kind,
    name,
    coveredBy,
    exception: exceptions[kind]?.[name],
  });
  const answers = new Set(duties.flatMap((duty) => duty.answers));
  const hasDuties = (service: string) =>
    READINGS.filter((reading) => reading.service === service).every(({ topic }) =>
      duties.some((duty) =>
        duty.service === service && duty.asks.some((ask) => ask.topic === topic)
      )
    );
  const others = new Set(otherOrderTables(tables).map(nameOf));
  const ofTables = new Map(tables.map((one) => [nameOf(one), one.table.name]));
  return [
    ...KINDS.map((kind) =>
      subject(
        "event",
        kind,
        kind === "OrderPlaced" ? ["acknowledged"] : answers.has(kind) ? ["answered"] : [],
      )
    ),
    ...TOPIC_NAMES.map((topic) =>
      subject("topic", topic, [topic === "orders.raw" ? "messages" : "readable", "partition"])
    ),
    ...PROCESSORS.map((service) => subject("topic", deadLetterTopicOf(service), ["deadLetters"])),
    ...CONSUMERS.map((service) =>
      subject(
        "consumer group",
        service,
        (PROCESSORS as readonly string[]).includes(service) && hasDuties(service)
          ? ["answered", "ahead", "behind"]
          : [],
      )
    ),
    ...[...ofTables].map(([name, table]) =>
      subject("table", name, others.has(name) ? ["rows"] : promisesAbout(name, table))
    ),
  ];
}

/** The checks whose queries read an audited table. */
function promisesAbout(name: string, table: string): CheckName[] {
  if (!AUDITED_TABLES.some(({ owned }) => nameOf(owned) === name)) return [];
  const reads = new RegExp(`\\b(?:from|join) ${table}\\b`);
  return CHECK_NAMES.filter((check) => reads.test(CHECKS[check].sql));
}
