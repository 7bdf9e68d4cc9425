/**
 * What can go wrong, one thing at a time, in a fixture of every scenario: each makes the
 * checks fail that it names. Every check is named by some case but `whole`, which is about the topics themselves.
 */
import type { Case } from "./case.ts";
import { DEAD_LETTER_CASES } from "./dead_letter_cases.ts";
import { OFFSET_CASES } from "./offset_cases.ts";
import { ORDER_CASES } from "./order_cases.ts";
import { ROW_CASES } from "./row_cases.ts";
import { RUN_CASES, TABLE_CASES } from "./run_cases.ts";

export const CASES: readonly Case[] = [
  ...RUN_CASES,
  ...ORDER_CASES,
  ...ROW_CASES,
  ...TABLE_CASES,
  ...DEAD_LETTER_CASES,
  ...OFFSET_CASES,
];
