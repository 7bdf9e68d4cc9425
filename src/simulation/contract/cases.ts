/** All that the contract says. */
import { EPOCHS } from "./cases/epochs.ts";
import { GROUPS } from "./cases/groups.ts";
import { LOGS } from "./cases/logs.ts";
import { MOVES } from "./cases/moves.ts";
import { OFFSETS } from "./cases/offsets.ts";
import { SEQUENCES } from "./cases/sequences.ts";
import { TRANSACTIONS } from "./cases/transactions.ts";
import type { Case } from "./contract.ts";

export const CASES: readonly Case[] = [
  ...TRANSACTIONS,
  ...SEQUENCES,
  ...LOGS,
  ...EPOCHS,
  ...OFFSETS,
  ...GROUPS,
  ...MOVES,
];
