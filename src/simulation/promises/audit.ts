/** The project's own audit over what a schedule left behind: its queries and these promises hold each other. */
import { openAuditFile } from "../../audit/audit.ts";
import type { Row, Table } from "../../database/database.ts";
import { serviceTables } from "../../services/definitions.ts";
import type { Owned } from "../../services/tables.ts";
import { deadLetterTopicOf, Names, PROCESSORS, type Topic } from "../../topology.ts";
import type { Violation } from "../result.ts";
import type { Evidence } from "./evidence.ts";

const SERVICE_TABLES = await serviceTables();

/** Takes some 50 ms of real time: not to be called in virtual time. */
export async function auditedViolations(evidence: Evidence, runId: string): Promise<Violation[]> {
  const { placed } = evidence;
  const acknowledged = placed.filter((message) => message.acknowledged).length;
  const run = { run_id: runId, seed: 0, started_at: START, acknowledged, finished_at: START };
  const known: Record<string, object[]> = {
    runs: [acknowledged < placed.length ? { ...run, finished_at: null } : run],
    placements: [{ run_id: runId, placed: placed.length }],
  };
  const file = openAuditFile(":memory:", SERVICE_TABLES);
  try {
    const { checks = [] } = await file.audit({
      ...sourceOf(evidence),
      names: new Names(),
      topicIds: () => Promise.resolve(undefined),
      patienceMs: 0,
      tables: {
        async *scan<T extends Table>({ owner, table }: Owned<T>) {
          yield await Promise.resolve(
            (known[table.name] ?? evidence.rows(owner, table)) as Row<T>[],
          );
        },
      },
    });
    return checks.flatMap(({ guarantee, title, offenders }) =>
      offenders.map(({ who, what }) => ({
        promise: guarantee,
        what: `${who}: ${what} (the audit: ${title})`,
        orders: [],
      }))
    );
  } finally {
    file.close();
  }
}

/** When no order was placed yet. */
const START = "2030-01-01T00:00:00.000Z";

function sourceOf({ records, deadLetters, ends }: Evidence) {
  const recordsOf = (topic: string) => {
    const service = PROCESSORS.find((each) => deadLetterTopicOf(each) === topic);
    return service ? deadLetters(service) : records(topic as Topic);
  };
  const endsOf = (topic: string) => {
    const known = ends.filter((each) => each.topic === topic);
    if (known.length > 0) return new Map(known.map(({ partition, end }) => [partition, end]));
    return new Map([[0, (recordsOf(topic).at(-1)?.offset ?? -1) + 1]]);
  };
  return {
    reader: {
      partitionsOf: (topic: string) => Promise.resolve([...endsOf(topic).keys()]),
      ends: (topic: string) =>
        Promise.resolve(
          new Map([...endsOf(topic)].map(([partition, end]) => [partition, { first: 0, end }])),
        ),
      async *read(
        topic: string,
        { partitions, from }: {
          partitions?: readonly number[];
          from?: ReadonlyMap<number, number>;
        } = {},
      ) {
        yield await Promise.resolve(
          recordsOf(topic).filter(({ partition, offset }) =>
            (partitions?.includes(partition) ?? true) && offset >= (from?.get(partition) ?? 0)
          ),
        );
      },
    },
    committedOffsets: (group: string, topic: string) =>
      Promise.resolve(
        new Map(
          ends.filter((each) => each.topic === topic).flatMap(({ partition, committed }) => {
            const offset = committed.get(group as typeof PROCESSORS[number]);
            return offset === undefined ? [] : [[partition, offset] as const];
          }),
        ),
      ),
  };
}
