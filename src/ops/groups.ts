/** `deno task groups`: the members of each consumer group, and the partitions that each owns. */
import { ExponentialBackoff, handleWhen, retry } from "cockatiel";
import { ConfigError, flag } from "../runtime/config.ts";
import { runProgram } from "../runtime/program.ts";
import { accessChecks, kafkaSettings } from "../runtime/settings.ts";
import { isCoordinatorMoving } from "../stream/client.ts";
import { createGroupLagReader } from "../stream/group_lag.ts";
import { type GroupMembers, groupMembers } from "../stream/group_members.ts";
import { withLog } from "./open_log.ts";

/** About 25 seconds in all. */
const patience = retry(handleWhen(isCoordinatorMoving), {
  maxAttempts: 30,
  backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 1_000 }),
});

interface Group extends GroupMembers {
  readonly service: string;
  readonly lagMessages: number;
}

function linesOf({ service, state, members, lagMessages }: Group): string[] {
  const lag = lagMessages.toLocaleString("en");
  return [
    `${service}: ${state}, ${members.length} members, ${lag} messages behind`,
    ...members.map(({ address, clientId, partitions }) => {
      const owned = Object.entries(partitions)
        .map(([topic, numbers]) => `${topic} ${numbers.join(",")}`);
      return `  ${address} ${clientId}: ${owned.join("; ") || "nothing"}`;
    }),
  ];
}

Deno.exit(
  await runProgram({
    name: "groups",
    settings: {
      ...kafkaSettings,
      json: flag({ option: "json", fallback: "false", help: "for machines" }),
    },
    checks: [...accessChecks],
    positionals: { usage: "[SERVICE]", min: 0, max: 1 },
    async run({ config, positionals: [wanted], signal }) {
      const groups = await withLog(config, "groups", signal, async ({ kafka, names }) => {
        const lags = createGroupLagReader(kafka, names);
        try {
          const all = await patience.execute(() => lags.read(), signal);
          if (wanted !== undefined && !all.some(({ service }) => service === wanted)) {
            const known = all.map(({ service }) => service).join(", ");
            throw new ConfigError([`expected one of ${known}, found "${wanted}"`]);
          }
          return all.filter(({ service }) => service === (wanted ?? service)).map((
            state,
          ): Group => ({
            service: state.service,
            lagMessages: state.lagMessages,
            ...groupMembers(state, names),
          }));
        } finally {
          await lags.close();
        }
      });
      const lines = groups.flatMap(linesOf);
      console.log(config.json ? JSON.stringify(groups) : lines.join("\n"));
    },
  }),
);
