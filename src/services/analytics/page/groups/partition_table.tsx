/** Each partition of a group on a row of its own: offsets, lag and stalls. */
import { useState } from "preact/hooks";
import { formatCount, formatDuration, localTimeOfDay, plural } from "../../../../runtime/format.ts";
import type { GroupView, PartitionView } from "../../web/live.ts";

const HEADS = ["partition", "committed", "end", "lag", "stalled"];

export function PartitionTable({ group, colors }: {
  group: GroupView;
  /** Of its members, as classes. */
  colors: readonly string[];
}) {
  const { service, topics, members } = group;
  const [open, setOpen] = useState(false);
  const rows = topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition }))
  );
  return (
    <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>offsets, lag and stalls of {plural(rows.length, "partition")}</summary>
      {open && (
        <table class="partitions stacked" aria-label={`Partitions of the group ${service}`}>
          <thead>
            <tr>
              {HEADS.map((name) => <th scope="col" key={name}>{name}</th>)}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ topic, partition }) => (
              <tr
                key={`${topic}/${partition.partition}`}
                data-partition={`${topic}/${partition.partition}`}
              >
                <th scope="row">
                  {partition.owner !== null && (
                    <span class={`swatch ${colors[partition.owner]}`} aria-hidden="true" />
                  )}
                  {topic}/{partition.partition}{" "}
                  <small>{members[partition.owner ?? -1]?.clientId ?? "no owner"}</small>
                </th>
                {[
                  formatCount(partition.committed),
                  formatCount(partition.end),
                  formatCount(partition.lagMessages),
                  stalls(partition),
                ].map((value, index) => (
                  // On a phone there are no heads.
                  <td key={index} data-label={HEADS[index + 1]}>{value}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  );
}

function stalls(partition: PartitionView) {
  const { stalledMs, longestStallMs, longestStallSinceMs } = partition;
  return (
    <>
      {stalledMs > 0 ? formatDuration(stalledMs) : "no"}
      {longestStallSinceMs !== null && (
        <small>{longestStall(longestStallMs, longestStallSinceMs)}</small>
      )}
    </>
  );
}

/** `longest 3.2 s, 10:12:03–10:12:06` */
export function longestStall(ms: number, sinceMs: number): string {
  return `longest ${formatDuration(ms)}, ${localTimeOfDay(sinceMs)}–${
    localTimeOfDay(sinceMs + ms)
  }`;
}
