/** All that the contract says. */
import { EPOCHS } from "./cases/epochs.ts";
import { FETCHES } from "./cases/fetches.ts";
import { GENERATIONS } from "./cases/generations.ts";
import { GROUPS } from "./cases/groups.ts";
import { LATE } from "./cases/late.ts";
import { LOGS } from "./cases/logs.ts";
import { MEMBERS } from "./cases/members.ts";
import { MOVES } from "./cases/moves.ts";
import { OFFSETS } from "./cases/offsets.ts";
import { REBALANCES } from "./cases/rebalances.ts";
import { SEQUENCES } from "./cases/sequences.ts";
import { TRANSACTIONS } from "./cases/transactions.ts";
import type { Case } from "./contract.ts";

export const CASES: readonly Case[] = [
  ...TRANSACTIONS,
  ...SEQUENCES,
  ...LATE,
  ...LOGS,
  ...FETCHES,
  ...EPOCHS,
  ...OFFSETS,
  ...GROUPS,
  ...GENERATIONS,
  ...REBALANCES,
  ...MEMBERS,
  ...MOVES,
];
