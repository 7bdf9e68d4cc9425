/** Each partition of a group on a row of its own: offsets, lag and stalls. */
import { useState } from "preact/hooks";
import { formatCount, formatDuration, localTimeOfDay, plural } from "../../../../runtime/format.ts";
import type { GroupView, PartitionView } from "../../web/live.ts";

export function PartitionTable({ group, colors }: { group: GroupView; colors: number }) {
  const { service, topics, members } = group;
  // Beside a narrow grid there are no figures.
  const [open, setOpen] = useState(() => globalThis.matchMedia("(max-width: 700px)").matches);
  const rows = topics.flatMap(({ topic, partitions }) =>
    partitions.map((partition) => ({ topic, partition }))
  );
  return (
    <details open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>offsets and stalls of {plural(rows.length, "partition")}</summary>
      {open && (
        <table class="partitions" aria-label={`Partitions of the group ${service}`}>
          <thead>
            <tr>
              {["partition", "committed", "end", "lag", "stalled"].map((name) => (
                <th scope="col" key={name}>{name}</th>
              ))}
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
                    <span class={`swatch member-${partition.owner % colors}`} aria-hidden="true" />
                  )}
                  {topic}/{partition.partition}
                  <small>{members[partition.owner ?? -1]?.clientId ?? "no owner"}</small>
                </th>
                <td>{formatCount(partition.committed)}</td>
                <td>{formatCount(partition.end)}</td>
                <td>{formatCount(partition.lagMessages)}</td>
                <td>{stalls(partition)}</td>
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
