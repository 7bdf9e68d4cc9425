/** Every consumer group: its members, and which partitions each owns, as a grid. */
import type { GroupView, Live, MemberView, TopicView } from "../../web/live.ts";
import { formatWait } from "../../groups/lag.ts";
import { isSettled, READS_THE_LOG } from "../../groups/rebalances.ts";
import { formatBrief, localTimeOfDay, plural } from "../../../../runtime/format.ts";
import "./groups.css";
import { drainText, LagPlots } from "./lag_plots.tsx";
import { useMemberColors } from "./member_colors.ts";
import { longestStall, PartitionTable } from "./partition_table.tsx";
import type { PlotView } from "../plots/view.tsx";
import { TimeLine } from "./time_line.tsx";

export function Groups({ live, view }: { live: Live; view: PlotView }) {
  const draw = (group: GroupView) => (
    <Group key={group.service} {...{ group, view }} rebalances={live.rebalances} />
  );
  return (
    <section id="groups" aria-labelledby="groups-title">
      <h2 id="groups-title">
        Consumer groups <small>which member owns which partition, according to Kafka</small>
      </h2>
      {live.groups === null ? <p class="empty">Kafka does not answer.</p> : (
        <div class="groups">
          {live.groups.slice(0, 1).map(draw)}
          {/* Second, where it is visible however many members the groups have. */}
          <TimeLine live={live} />
          {live.groups.slice(1).map(draw)}
        </div>
      )}
    </section>
  );
}

function Group({ group, view, rebalances }: {
  group: GroupView;
  view: PlotView;
  rebalances: Live["rebalances"];
}) {
  const { service, state, members, topics, lag, drain } = group;
  const colors = useMemberColors(group);
  const partitions = [
    ...new Set(topics.flatMap((topic) => topic.partitions.map((p) => p.partition))),
  ]
    .toSorted((a, b) => a - b);
  return (
    <article
      class={isSettled(state) ? "card group" : "card group rebalancing"}
      data-group={service}
    >
      <h3>
        {service} <span class="state">{stateOf(group)}</span>
      </h3>
      <p class="behind">
        <span class="lag">
          lag {formatBrief(lag.messages)} message{lag.messages === 1 ? "" : "s"}
          {lag.messages > 0 && `, oldest ${formatWait(lag)}`}
        </span>
        <span class={`drain ${drain.state}`}>{drainText(drain)}</span>
      </p>
      <LagPlots {...{ group, view, rebalances }} />
      <p class="order">
        {topics.length > 1 ? "each cell, from top to bottom: " : "each cell: "}
        {topics.map(({ topic }) => topic).join(", ")}
      </p>
      <div class="scroll" tabIndex={0} role="group" aria-label={`Members of ${service}`}>
        <table class="assigned">
          <thead>
            <tr>
              <th scope="col">partition</th>
              {partitions.map((partition) => <th scope="col" key={partition}>{partition}</th>)}
            </tr>
          </thead>
          <tbody>
            {members.map((member, index) => (
              <Member
                key={member.memberId}
                {...{ member, index, topics, partitions }}
                color={colors[index]!}
              />
            ))}
            {members.length === 0 && (
              <tr>
                <th scope="row">no members</th>
                <td colSpan={partitions.length} class="empty-group">
                  start one: <code>deno task {service}</code>
                </td>
              </tr>
            )}
          </tbody>
          <tfoot>
            {FIGURES.map((figure) => (
              <FigureRow key={figure.name} {...{ topics, partitions, figure }} />
            ))}
          </tfoot>
        </table>
      </div>
      <PartitionTable group={group} colors={colors} />
    </article>
  );
}

function stateOf({ state, members }: GroupView): string {
  if (state === READS_THE_LOG) return "reads the log, in no group";
  if (!isSettled(state)) return "rebalancing";
  return members.length === 0 ? "no members" : plural(members.length, "member");
}

interface Columns {
  readonly topics: readonly TopicView[];
  readonly partitions: readonly number[];
}

function Member({ member, index, color, topics, partitions }: Columns & {
  member: MemberView;
  index: number;
  color: string;
}) {
  const { clientId, host, sinceMs, foreignReads } = member;
  const since = sinceMs === null ? "" : ` · since ${localTimeOfDay(sinceMs)}`;
  const foreign = foreignReads && ` · another application, reads ${foreignReads.join(", ")}`;
  return (
    <tr data-member={clientId}>
      <th scope="row">
        <span class={`swatch ${color}`} aria-hidden="true" />
        {clientId} <small>{host}{since}{foreign}</small>
      </th>
      {partitions.map((partition) => {
        const owned = topics.map(({ topic, partitions }) => ({
          topic,
          mine: partitions.find((p) => p.partition === partition)?.owner === index,
        }));
        const mine = owned.filter(({ mine }) => mine).map(({ topic }) => topic);
        return (
          <td
            key={partition}
            data-owned={mine.length}
            title={mine.length > 0
              ? `${clientId} owns partition ${partition} of ${mine.join(", ")}`
              : ""}
          >
            {owned.map(({ topic, mine }) => <i key={topic} class={mine ? color : ""} />)}
          </td>
        );
      })}
    </tr>
  );
}

type Partition = TopicView["partitions"][number];

interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly of: (partition: Partition) => number;
  /** Of several topics: their sum; else the largest. */
  readonly isSum: boolean;
  readonly show: (value: number) => string;
}

const FIGURES: readonly Figure[] = [
  { name: "lag", unit: "messages", of: (p) => p.lagMessages, isSum: true, show: cellCount },
  { name: "stalled", unit: "s", of: (p) => p.stalledMs, isSum: false, show: seconds },
  { name: "longest stall", unit: "s", of: (p) => p.longestStallMs, isSum: false, show: seconds },
];

/** One number for each partition. */
function FigureRow({ figure, topics, partitions }: Columns & { figure: Figure }) {
  const { name, unit, of, isSum, show } = figure;
  /** In which span of time the longest stall was. */
  const titleOf = (partition: number) =>
    topics.flatMap(({ topic, partitions }) =>
      partitions.filter((p) => p.partition === partition && p.longestStallSinceMs !== null).map((
        { longestStallMs, longestStallSinceMs },
      ) => `${topic}/${partition}: ${longestStall(longestStallMs, longestStallSinceMs!)}`)
    ).join("\n");
  return (
    <tr>
      <th scope="row">
        {name} <small>{unit}</small>
      </th>
      {partitions.map((partition) => {
        const values = topics.flatMap((topic) =>
          topic.partitions.filter((p) => p.partition === partition).map(of)
        );
        const value = isSum ? values.reduce((a, b) => a + b, 0) : Math.max(0, ...values);
        return (
          <td key={partition} class={value > 0 ? "some" : ""} title={titleOf(partition)}>
            {show(value)}
          </td>
        );
      })}
    </tr>
  );
}

const brief = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 2 });

/** `999`, `3.4K`, `12K`: what fits into a narrow column. */
function cellCount(value: number): string {
  return value < 1_000 ? String(value) : brief.format(value);
}

function seconds(ms: number): string {
  if (ms === 0) return "0";
  return ms < 9_950 ? (ms / 1_000).toFixed(1) : `${Math.round(ms / 1_000)}`;
}
